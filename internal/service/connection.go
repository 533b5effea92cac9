package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/uplink/auth"
)

const amqpsPort = "5671"

// connection is a TLS connection with a token for one audience, kept valid.
type connection struct {
	conn     *amqp.Conn
	audience string
	policy   string
	key      auth.Key
	timeout  time.Duration
	life     time.Duration

	mu      sync.Mutex
	renewAt time.Time
}

// connect dials addr, where a server named host must answer, and presents a
// token for audience.
func connect(ctx context.Context, opts Options, addr, host, audience, policy string, key auth.Key) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName:   host,
		RootCAs:      opts.RootCAs,
		MinVersion:   tls.VersionTLS12,
		KeyLogWriter: opts.KeyLog,
	}}
	nc, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	conn, err := amqp.NewConn(ctx, nc, &amqp.ConnOptions{
		HostName:     host,
		SASLType:     amqp.SASLTypeAnonymous(),
		WriteTimeout: opts.Timeout,
	})
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open AMQP connection to %s: %w", addr, err)
	}
	c := &connection{
		conn:     conn,
		audience: audience,
		policy:   policy,
		key:      key,
		timeout:  opts.Timeout,
		life:     opts.TokenLife,
	}
	if _, err := c.fresh(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// fresh presents a new token when the last one is due for renewal, and returns
// when the next one will be.
func (c *connection) fresh(ctx context.Context) (renewAt time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Until(c.renewAt) > 0 {
		return c.renewAt, nil
	}
	now := time.Now()
	expiry := now.Add(c.life).Truncate(time.Second) // what a token can say
	if err := auth.PutToken(ctx, c.conn, c.audience, c.key.Sign(c.audience, c.policy, expiry)); err != nil {
		return time.Time{}, fmt.Errorf("authorize for %s: %w", c.audience, err)
	}
	c.renewAt = now.Add(expiry.Sub(now) / 5 * 4)
	return c.renewAt, nil
}

// hold runs wait, which may last for ever, with a valid token: it interrupts
// wait to renew it. wait must be safe to repeat after its context has ended.
func (c *connection) hold(ctx context.Context, wait func(context.Context) error) error {
	for {
		renewAt, err := c.fresh(ctx)
		if err != nil {
			return err
		}
		waitCtx, cancel := context.WithDeadline(ctx, renewAt)
		err = wait(waitCtx)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// session opens one more session.
func (c *connection) session(ctx context.Context) (*amqp.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	s, err := c.conn.NewSession(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	return s, nil
}

func (c *connection) close() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close AMQP connection: %w", err)
	}
	return nil
}

func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(host, port)
}

func withoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}
