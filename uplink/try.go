package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/uplink/auth"
)

// Way is what a trial of one transport has found.
type Way struct {
	Addr    string        // host:port of the hub
	TCP     time.Duration // to the hub or to the proxy
	Total   time.Duration // until the hub would be told who asks
	TLS     string        // version
	Subject string        // of the hub's certificate
	Ends    time.Time     // of that certificate
}

// Try goes the way to the hub up to where the hub would be told who asks: TCP, a
// proxy, TLS, and for WebSocket the upgrade. So it takes no connection away from
// whoever has one with this identity. Transport is TransportAMQP or
// TransportWebSocket. The error says what is broken, and its Hint what to do.
func (r Route) Try(ctx context.Context, id Identity, transport string, c clock.Clock, earliest *clock.Earliest) (Way, error) {
	id.Certificate = auth.Certificate{}
	t := &trust{clock: c, earliest: earliest}
	router := r.router(t)
	w, began := Way{Addr: id.addr()}, time.Now()
	if transport == TransportWebSocket {
		w.Addr = id.socketAddr()
	}
	tcp := router.DialTCP
	router.DialTCP = func(ctx context.Context, addr string) (net.Conn, error) {
		at := time.Now()
		conn, err := tcp(ctx, addr)
		w.TCP = time.Since(at)
		return conn, err
	}
	conn, err := router.dial(ctx, transport, id)
	if err != nil && t.learn(err, id) {
		conn, err = router.dial(ctx, transport, id)
	}
	if err != nil {
		return w, &triedError{err, diagnose(err, t.Now()).hint}
	}
	defer cut(conn)
	w.Total = time.Since(began)
	if ws, ok := conn.(*socket); ok {
		conn = ws.Conn
	}
	if secure, ok := conn.(*tls.Conn); ok {
		s := secure.ConnectionState()
		leaf := s.PeerCertificates[0]
		w.TLS, w.Subject, w.Ends = tls.VersionName(s.Version), leaf.Subject.CommonName, leaf.NotAfter
	}
	return w, nil
}

// triedError is why a trial failed, in the words of the link.
type triedError struct {
	error
	hint string
}

func (e *triedError) Error() string { return words(e.error) }
func (e *triedError) Unwrap() error { return e.error }
func (e *triedError) Hint() string  { return e.hint }

// TryToken makes the token that a connection of this identity would show, or takes
// the one that was given, and returns when it ends. The hub is not asked.
func TryToken(id Identity, c clock.Clock, earliest *clock.Earliest) (ends time.Time, err error) {
	link := NewLink(LinkOptions{Clock: c, Earliest: earliest})
	token := link.mint(id)
	if _, err := auth.ParseToken(token.Reveal()); err != nil {
		return time.Time{}, err
	}
	ends = token.Expiry()
	switch now := link.trust.Now().Wall; {
	case ends.IsZero():
		return ends, errors.New("the token does not say when it ends")
	case !ends.After(now):
		return ends, fmt.Errorf("the token ended on %s", ends.UTC().Format(time.RFC3339))
	}
	return ends, nil
}

// DialHost returns the name or address that is looked up to reach the hub without a
// proxy.
func (id Identity) DialHost() string {
	host, _, _ := net.SplitHostPort(id.addr())
	return host
}
