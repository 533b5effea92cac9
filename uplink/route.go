package uplink

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"fieldpost/internal/clock"
)

// Transports of a Route.
const (
	TransportAuto      = "auto"      // whichever works
	TransportAMQP      = "amqp"      // AMQP over TLS, port 5671
	TransportWebSocket = "websocket" // AMQP over WebSocket over TLS, port 443
)

// Route says how the hub is reached. The zero Route finds it out.
type Route struct {
	// Transport is one of the Transport constants. Auto tries amqp, then
	// websocket, and stays with what worked until it has failed three times in a
	// row. Default auto.
	Transport string
	// Proxy is asked before each dial of the host:port that is to be reached. A
	// proxy without an address means a direct connection; an error ends the
	// attempt. Default: always direct.
	Proxy func(addr string) (Proxy, error)
	// DialTCP makes the connections below TLS, to the hub or to the proxy. The
	// default resolves the name anew each time.
	DialTCP func(ctx context.Context, addr string) (net.Conn, error)
	// Memory is a file that keeps what auto has found over restarts. Default: none.
	Memory string
}

// switchAfter is how many times in a row the known transport fails before auto
// tries the other one too.
const switchAfter = 3

// router makes connections by a Route and remembers which transport works.
type router struct {
	Route
	clock clock.Clock

	mu     sync.Mutex
	asked  bool   // whether Memory was read
	known  string // transport that worked last; empty = none
	failed int    // attempts in a row that failed with it
}

func (r Route) router(c clock.Clock) *router {
	if r.DialTCP == nil {
		r.DialTCP = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	return &router{Route: r, clock: c}
}

// fixed reports whether there is nothing to find out.
func (r *router) fixed() bool {
	return r.Transport == TransportAMQP || r.Transport == TransportWebSocket
}

// candidates returns the transports of one attempt, in order.
func (r *router) candidates() []string {
	if r.fixed() {
		return []string{r.Transport}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.asked {
		r.asked, r.known = true, recall(r.Memory)
	}
	first, second := TransportAMQP, TransportWebSocket
	if r.known == second {
		first, second = second, first
	}
	if r.known != "" && r.failed < switchAfter {
		return []string{first}
	}
	return []string{first, second}
}

// worked notes that a transport reached the hub.
func (r *router) worked(transport string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = 0
	if r.fixed() || transport == r.known {
		return
	}
	r.known = transport
	remember(r.Memory, transport)
}

// each calls try with the transports of one attempt until one works. Each gets an
// even share of the time that is left.
func (r *router) each(ctx context.Context, try func(context.Context, string) error) error {
	all := r.candidates()
	var failures []error
	for i, transport := range all {
		err := within(ctx, len(all)-i, func(ctx context.Context) error { return try(ctx, transport) })
		if err == nil {
			r.worked(transport)
			return nil
		}
		failures = append(failures, err)
		if identityRefused(err) || ctx.Err() != nil {
			break
		}
	}
	r.mu.Lock()
	r.failed++
	r.mu.Unlock()
	if len(failures) == 1 {
		return failures[0]
	}
	return &noRouteError{failures}
}

// within runs f with one of n shares of the time that ctx has left.
func within(ctx context.Context, n int, f func(context.Context) error) error {
	if until, ok := ctx.Deadline(); ok && n > 1 {
		limited, cancel := context.WithTimeout(ctx, time.Until(until)/time.Duration(n))
		defer cancel()
		ctx = limited
	}
	return f(ctx)
}

// noRouteError says what came of every transport.
type noRouteError struct{ failures []error }

func (e *noRouteError) Error() string {
	words := make([]string, len(e.failures))
	for i, err := range e.failures {
		words[i] = err.Error()
	}
	return strings.Join(words, "; and ")
}

// Unwrap returns the failure that tells most: a hub that says no is nearer than
// one that is not reached.
func (e *noRouteError) Unwrap() error {
	for _, err := range e.failures {
		if diagnose(err, clock.Stamp{}).cause != CauseNetwork {
			return err
		}
	}
	return e.failures[0]
}

// dial makes the connection that AMQP is spoken over.
func (r *router) dial(ctx context.Context, transport string, id Identity) (net.Conn, error) {
	if transport == TransportWebSocket {
		return r.dialWebSocket(ctx, id)
	}
	conn, err := r.dialTLS(ctx, id, id.addr())
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", id.addr(), err)
	}
	return conn, nil
}
