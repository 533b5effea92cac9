package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"

	"fieldpost/hub"
)

// account compares message-ids that were given with those that the hub logged. Lost
// are those it has not, twice counts arrivals beyond the first.
func account(h *hub.Hub, given []string) (lost, twice int) {
	logged := map[string]int{}
	for _, e := range h.Events() {
		logged[e.MessageID]++
	}
	for _, id := range given {
		if logged[id] == 0 {
			lost++
		}
	}
	for _, n := range logged {
		twice += n - 1
	}
	return lost, twice
}

// secured speaks TLS to the hub over a connection, which it closes when it fails.
func secured(ctx context.Context, conn net.Conn, h *hub.Hub) (net.Conn, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.CAPEM())
	secure := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}
