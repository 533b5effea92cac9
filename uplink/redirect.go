package uplink

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/Azure/go-amqp"
)

// maxRedirects is how many redirects in a row are followed.
const maxRedirects = 3

// place is where a redirect sends a connection; the zero place is where the
// identity says.
type place struct {
	host string // hostname of the AMQP open, in the audience, and in the certificate
	addr string // host:port to dial
}

// of returns the identity as it connects there.
func (p place) of(id Identity) Identity {
	if p.host == "" {
		return id
	}
	id.Host, id.OpenHost, id.Addr, id.serverName = p.host, "", p.addr, p.host
	return id
}

// detour is the redirect that is followed now. It is forgotten when the
// connection made by it fails, so that the hub itself is asked again.
type detour struct {
	place
	hops int
}

// redirectError ends a connection for another one at to.
type redirectError struct {
	to    place
	cause error
}

func (e *redirectError) Error() string { return "redirected to " + e.to.addr + ": " + e.cause.Error() }
func (e *redirectError) Unwrap() error { return e.cause }

// redirected returns the redirect that err is, or nil. Source: AMQP 1.0 part 2
// section 8.18, amqp:link:redirect. IoT Hub's info has hostname, network-host,
// port and address; the path in address is not followed, because a device's
// addresses are the same everywhere.
func redirected(err error) *redirectError {
	var remote *amqp.Error
	if !errors.As(err, &remote) || remote.Condition != amqp.ErrCondLinkRedirect {
		return nil
	}
	text := func(name string) string { s, _ := remote.Info[name].(string); return s }
	host, dial, port := text("hostname"), text("network-host"), number(remote.Info["port"])
	if u, err := url.Parse(text("address")); err == nil && u.Hostname() != "" {
		host, dial = first(host, u.Hostname()), first(dial, u.Hostname())
		if n, err := strconv.ParseUint(u.Port(), 10, 16); port == 0 && err == nil {
			port = n
		}
	}
	host, dial = first(host, dial), first(dial, host)
	if host == "" || port > 65535 {
		return nil
	}
	if port == 0 {
		port, _ = strconv.ParseUint(amqpsPort, 10, 16)
	}
	return &redirectError{place{host, net.JoinHostPort(dial, strconv.FormatUint(port, 10))}, err}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// number reads the port, whose type the specification leaves open.
func number(v any) uint64 {
	switch n := v.(type) {
	case uint16:
		return uint64(n)
	case uint32:
		return uint64(n)
	case uint64:
		return n
	case int32:
		return uint64(max(n, 0))
	case int64:
		return uint64(max(n, 0))
	}
	return 0
}

// follow ends the connection when err is a redirect, so that the next one goes
// there. It reports whether the tenant that met it is done.
func (c *connection) follow(err error) bool {
	to := redirected(err)
	if to == nil {
		return false
	}
	c.mu.Lock()
	id := c.id
	c.mu.Unlock()
	if id.Key.IsZero() && id.Certificate.IsZero() {
		c.drop(fmt.Errorf("not redirected to %s, the given token is for %s alone: %w", to.to.addr, id.Host, err))
	} else {
		c.drop(to)
	}
	return true
}

// turn takes note of how an attempt ended, after how long a time online: it
// decides where the next one goes. It returns the error to judge.
func (l *Link) turn(online time.Duration, err error) error {
	if planned(err) && online >= l.opts.StableAfter {
		l.retry.reset()
		l.refused, l.detour.hops = 0, 0
	}
	var to *redirectError
	switch {
	case !planned(err):
		l.detour = detour{}
	case !errors.As(err, &to):
	case l.detour.hops >= maxRedirects:
		l.detour = detour{}
		return fmt.Errorf("redirected more than %d times: %w", maxRedirects, to.cause)
	default:
		l.detour = detour{place: to.to, hops: l.detour.hops + 1}
	}
	return err
}
