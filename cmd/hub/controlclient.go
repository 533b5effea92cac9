package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"fieldpost/hub"
)

// controlClient asks a hub that runs, over its control socket.
type controlClient struct{ path string }

// errNoHub is a control socket that nobody listens at.
var errNoHub = errors.New("no hub answers")

// call makes one request and decodes its answer. What is not nil of send goes
// along as JSON.
func call[T any](ctx context.Context, c controlClient, method, route string, query url.Values, send any) (answer T, err error) {
	if err := checkControlPath(c.path); err != nil {
		return answer, err
	}
	var text []byte
	if send != nil {
		if text, err = json.Marshal(send); err != nil {
			return answer, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 3*controlWithin)
	defer cancel()
	target := url.URL{Scheme: "http", Host: "hub", Path: route, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(text))
	if err != nil {
		return answer, err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: controlWithin}).DialContext(ctx, "unix", c.path)
	}}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer, c.explain(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxControlAnswer+1))
	switch {
	case err != nil:
		return answer, c.explain(err)
	case len(body) > maxControlAnswer:
		return answer, fmt.Errorf("control socket %s: the answer has more than %d bytes", c.path, maxControlAnswer)
	case resp.StatusCode != http.StatusOK:
		return answer, c.refused(resp.StatusCode, body)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, fmt.Errorf("control socket %s: what answers there is no hub: %w", c.path, err)
	}
	return answer, nil
}

// refused is what the hub said instead of an answer.
func (c controlClient) refused(status int, body []byte) error {
	var said controlError
	if json.Unmarshal(body, &said) != nil || said.Message == "" {
		return fmt.Errorf("control socket %s: what answers there is no hub: %d %s", c.path, status, http.StatusText(status))
	}
	if said.Hint != "" {
		return &hinted{errors.New(said.Message), said.Hint}
	}
	return errors.New(said.Message)
}

// explain says what a failed exchange means to the person who made it.
func (c controlClient) explain(err error) error {
	var op *net.OpError
	dialing := errors.As(err, &op) && op.Op == "dial"
	switch {
	case dialing && nobodyListens(err):
		return &hinted{fmt.Errorf("%w at control socket %s: %w", errNoHub, c.path, op.Err), "start one: hub serve --dir DIR, or --control PATH"}
	case dialing && errors.Is(err, fs.ErrPermission):
		return &hinted{fmt.Errorf("control socket %s: %w", c.path, op.Err), "it is for the user who runs the hub, and root"}
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("hub at control socket %s did not answer within %s", c.path, 3*controlWithin)
	}
	return fmt.Errorf("control socket %s: %w", c.path, err)
}

// file asks for what hub serve --json prints.
func (c controlClient) file(ctx context.Context) (hubFile, error) {
	return call[hubFile](ctx, c, http.MethodGet, routeHub, nil, nil)
}

func (c controlClient) list(ctx context.Context) ([]identity, error) {
	answer, err := call[controlDevices](ctx, c, http.MethodGet, routeDevices, nil, nil)
	return answer.Devices, err
}

func (c controlClient) add(ctx context.Context, g hub.Registration) error {
	_, err := call[done](ctx, c, http.MethodPost, routeDevices, nil, controlRegistration{
		ID: g.DeviceID, Module: g.ModuleID, Auth: g.Auth, Primary: g.PrimaryThumbprint, Secondary: g.SecondaryThumbprint,
	})
	return err
}

func (c controlClient) remove(ctx context.Context, name string) error {
	return c.change(ctx, http.MethodDelete, routeDevices, name)
}

func (c controlClient) disable(ctx context.Context, name string) error {
	return c.change(ctx, http.MethodPost, routeDisable, name)
}

func (c controlClient) enable(ctx context.Context, name string) error {
	return c.change(ctx, http.MethodPost, routeEnable, name)
}

func (c controlClient) change(ctx context.Context, method, route, name string) error {
	_, err := call[done](ctx, c, method, route, url.Values{"name": {name}}, nil)
	return err
}

func (c controlClient) keys(ctx context.Context, name string) (keyPair, error) {
	return call[keyPair](ctx, c, http.MethodGet, routeKeys, url.Values{"name": {name}}, nil)
}

func (c controlClient) changeKeys(ctx context.Context, name string, how hub.KeyChange) (keyPair, error) {
	return call[keyPair](ctx, c, http.MethodPost, routeKeys, url.Values{"name": {name}, "change": {string(how)}}, nil)
}

func (c controlClient) faults(ctx context.Context) ([]controlFault, error) {
	answer, err := call[controlFaults](ctx, c, http.MethodGet, routeFaults, nil, nil)
	return answer.Faults, err
}

func (c controlClient) addFault(ctx context.Context, line string) (controlFault, error) {
	return call[controlFault](ctx, c, http.MethodPost, routeFaults, nil, controlFault{Fault: line})
}

func (c controlClient) healFault(ctx context.Context, id int) error {
	_, err := call[controlHealed](ctx, c, http.MethodDelete, routeFaults, url.Values{"id": {strconv.Itoa(id)}}, nil)
	return err
}

func (c controlClient) clearFaults(ctx context.Context) (controlHealed, error) {
	return call[controlHealed](ctx, c, http.MethodDelete, routeFaults, nil, nil)
}

// listens reports whether to ask at the socket: somebody listens there, or the
// system does not let us know.
func (c controlClient) listens() bool {
	if checkControlPath(c.path) != nil {
		return false
	}
	if _, err := os.Lstat(c.path); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	conn, err := net.DialTimeout("unix", c.path, controlWithin)
	if err != nil {
		return !nobodyListens(err)
	}
	conn.Close()
	return true
}
