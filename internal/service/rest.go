package service

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"fieldpost/uplink/auth"
)

const (
	httpsPort    = "443"
	apiVersion   = "2021-04-12"
	maxRESTReply = 1 << 20 // bytes
)

// REST asks a hub for what it offers services over HTTPS alone: twins, direct
// methods and the purge of a queue. Its methods may be called from several
// goroutines.
type REST struct {
	cs      auth.ConnectionString
	http    *http.Client
	timeout time.Duration
	life    time.Duration
}

// NewREST prepares calls; it connects with the first. Of opts, Addr is the HTTPS
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
	dialer := &net.Dialer{Timeout: opts.Timeout}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", addr)
		},
		TLSClientConfig: &tls.Config{
			ServerName:   withoutPort(cs.HostName),
			RootCAs:      opts.RootCAs,
			MinVersion:   tls.VersionTLS12,
			KeyLogWriter: opts.KeyLog,
		},
		TLSHandshakeTimeout: opts.Timeout,
	}
	return &REST{cs: cs, http: &http.Client{Transport: transport}, timeout: opts.Timeout, life: opts.TokenLife}, nil
}

// Close closes the connections that are idle.
func (r *REST) Close() { r.http.CloseIdleConnections() }

// call does one request and decodes the reply into to. A refusal is a *HubError.
func (r *REST) call(ctx context.Context, op, method, path string, header http.Header, body, to any, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout+wait)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", op, ErrConfig, err)
		}
		content = bytes.NewReader(text)
	}
	target := "https://" + withoutPort(r.cs.HostName) + path + "?api-version=" + apiVersion
	request, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", op, ErrConfig, err)
	}
	for name := range header {
		request.Header.Set(name, header.Get(name))
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	audience := r.cs.Audience()
	token := r.cs.SharedAccessKey.Sign(audience, r.cs.SharedAccessKeyName, time.Now().Add(r.life))
	request.Header.Set("Authorization", token.Reveal())
	reply, err := r.http.Do(request)
	if err != nil {
		var said *url.Error // repeats method and address: op says it better
		if errors.As(err, &said) {
			err = said.Err
		}
		return fmt.Errorf("%s: %w", op, err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxRESTReply))
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", op, err)
	}
	if reply.StatusCode/100 != 2 {
		return restError(op, reply, text)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: the answer is not what was asked for: %w", op, err)
	}
	return nil
}

// restError makes a HubError of a refusal. Hubs wrap in {"Message": ..} the
// description they give over AMQP, or ErrorCode:NAME;SENTENCE, or give either bare,
// or words alone.
func restError(op string, reply *http.Response, text []byte) *HubError {
	h := &HubError{Op: op, Condition: "HTTP " + reply.Status}
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
