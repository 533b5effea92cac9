package service

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"time"

	"fieldpost/internal/http1"
	"fieldpost/uplink/auth"
)

const (
	httpsPort    = "443"
	apiVersion   = "2021-04-12"
	maxRESTReply = 1 << 20 // bytes
)

// REST asks a hub for what it offers services over HTTPS alone: twins, direct
// methods and the purge of a queue, each over a connection of its own. Its methods
// may be called from several goroutines.
type REST struct {
	cs      auth.ConnectionString
	addr    string
	tls     *tls.Config
	timeout time.Duration
	life    time.Duration
}

// NewREST prepares calls, and connects to nothing. Of opts, Addr is the HTTPS
// address, port 443 by default, and ConsumerGroup is not used. Errors: ErrConfig.
func NewREST(opts Options) (*REST, error) {
	cs, err := opts.prepare()
	if err != nil {
		return nil, err
	}
	addr := opts.Addr
	if addr == "" {
		addr = net.JoinHostPort(withoutPort(cs.HostName), httpsPort)
	}
	config := &tls.Config{
		ServerName:   withoutPort(cs.HostName),
		RootCAs:      opts.RootCAs,
		MinVersion:   tls.VersionTLS12,
		KeyLogWriter: opts.KeyLog,
	}
	return &REST{cs: cs, addr: addr, tls: config, timeout: opts.Timeout, life: opts.TokenLife}, nil
}

// call does one request and decodes the reply into to. A refusal is a *HubError.
func (r *REST) call(ctx context.Context, op, method, path string, header http1.Header, body, to any, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout+wait)
	defer cancel()
	request := &http1.Request{
		Method: method, Target: path + "?api-version=" + apiVersion, Host: withoutPort(r.cs.HostName), Header: http1.Header{},
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", op, ErrConfig, err)
		}
		request.Body = text
	}
	maps.Copy(request.Header, header)
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	audience := r.cs.Audience()
	token := r.cs.SharedAccessKey.Sign(audience, r.cs.SharedAccessKeyName, time.Now().Add(r.life))
	request.Header.Set("Authorization", token.Reveal())
	reply, text, err := r.exchange(ctx, request)
	if ended := context.Cause(ctx); err != nil && ended != nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if reply.Status/100 != 2 {
		return restError(op, reply, text)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: the answer is not what was asked for: %w", op, err)
	}
	return nil
}

// exchange sends one request and returns the answer with its body.
func (r *REST) exchange(ctx context.Context, request *http1.Request) (*http1.Response, []byte, error) {
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: r.timeout}, Config: r.tls}).DialContext(ctx, "tcp", r.addr)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	request.Header.Set("Connection", "close")
	if err := request.Write(conn); err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(io.LimitReader(conn, maxRESTReply))
	reply, err := http1.ReadResponse(in, request.Method)
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	return reply, text, nil
}

// restError makes a HubError of a refusal. Hubs wrap in {"Message": ..} the
// description they give over AMQP, or ErrorCode:NAME;SENTENCE, or give either bare,
// or words alone.
func restError(op string, reply *http1.Response, text []byte) *HubError {
	h := &HubError{Op: op, Condition: strings.TrimSpace(fmt.Sprint("HTTP ", reply.Status, " ", http1.StatusText(reply.Status)))}
	var wrapped struct{ Message, ExceptionMessage string }
	if err := json.Unmarshal(text, &wrapped); err != nil {
		wrapped.Message = string(bytes.TrimSpace(text))
	}
	h.Text = wrapped.Message
	if named, ok := strings.CutPrefix(h.Text, "ErrorCode:"); ok {
		name, sentence, _ := strings.Cut(named, ";")
		h.Code, h.Text = restCode(name), sentence
		h.TrackingID, _ = strings.CutPrefix(wrapped.ExceptionMessage, "Tracking ID:")
		if h.Code == 0 {
			h.Text = named
		}
		return h
	}
	if !h.read(wrapped.Message) {
		h.read(string(text))
	}
	return h
}

// restCode is the number of a code that hubs name over HTTPS; 0 for others.
func restCode(name string) int {
	switch name {
	case "ArgumentInvalid":
		return 400004
	case "IotHubUnauthorizedAccess":
		return 401002
	case "DeviceNotFound":
		return 404001
	case "PreconditionFailed":
		return 412001
	default:
		return 0
	}
}
