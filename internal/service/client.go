package service

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/uplink/auth"
)

// Options say which hub to talk to and as whom.
type Options struct {
	ConnectionString string         // HostName=..;SharedAccessKeyName=..;SharedAccessKey=..; required
	RootCAs          *x509.CertPool // authorities that may vouch for the hub; default those of the system
	Addr             string         // host:port to dial; default the connection string's HostName, port 5671
	KeyLog           io.Writer      // receives the TLS secrets in NSS format, for tshark; default none
	Timeout          time.Duration  // longest wait for one answer of the hub; default 30 s
	TokenLife        time.Duration  // validity of a token, renewed at four fifths; at least 2 s, default 1 h
}

// minTokenLife is the least that leaves time for renewal: a token's expiry has
// whole seconds.
const minTokenLife = 2 * time.Second

// ErrConfig marks options that can never lead to a connection.
var ErrConfig = errors.New("service options")

// Client is one connection to a hub. Its methods may be called from several
// goroutines.
type Client struct {
	opts Options
	cs   auth.ConnectionString
	hub  *connection

	mu     sync.Mutex
	sender *senderLink
}

// Dial connects to the hub and presents the policy's token. Errors: ErrConfig,
// *auth.RefusedError, and those of the network and of TLS.
func Dial(ctx context.Context, opts Options) (*Client, error) {
	cs, err := opts.prepare()
	if err != nil {
		return nil, err
	}
	addr := opts.Addr
	if addr == "" {
		addr = withPort(cs.HostName, amqpsPort)
	}
	hub, err := connect(ctx, opts, addr, withoutPort(cs.HostName), cs.Audience(), cs.SharedAccessKeyName, cs.SharedAccessKey)
	if err != nil {
		return nil, err
	}
	return &Client{opts: opts, cs: cs, hub: hub}, nil
}

// prepare fills in the defaults and reads the connection string. The error is an
// ErrConfig.
func (o *Options) prepare() (auth.ConnectionString, error) {
	cs, err := auth.ParseConnectionString(o.ConnectionString)
	if err != nil {
		return cs, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if cs.SharedAccessKeyName == "" {
		return cs, fmt.Errorf("%w: the connection string has no SharedAccessKeyName: it is a device's, not a service's", ErrConfig)
	}
	if cs.SharedAccessKey.IsZero() {
		return cs, fmt.Errorf("%w: the connection string has no SharedAccessKey", ErrConfig)
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.TokenLife <= 0 {
		o.TokenLife = time.Hour
	}
	o.TokenLife = max(o.TokenLife, minTokenLife)
	return cs, nil
}

// Close ends the connection and everything that was opened on it. Event readers
// have their own and are closed by themselves.
func (c *Client) Close() error { return c.hub.close() }

// linkLost reports whether err ended the link, session or connection it came
// from, as opposed to one delivery.
func linkLost(err error) bool {
	var link *amqp.LinkError
	var session *amqp.SessionError
	var conn *amqp.ConnError
	return errors.As(err, &link) || errors.As(err, &session) || errors.As(err, &conn)
}
