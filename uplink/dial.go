package uplink

import (
	"context"
	"crypto/tls"
	"net"

	"fieldpost/internal/clock"
)

// dialTLS connects to the hub over TCP and TLS; the name is resolved anew.
func dialTLS(c clock.Clock) func(context.Context, Identity) (net.Conn, error) {
	return func(ctx context.Context, id Identity) (net.Conn, error) {
		host, _, err := net.SplitHostPort(id.addr())
		if err != nil {
			return nil, err
		}
		d := tls.Dialer{Config: tlsConfig(id, host, c)}
		return d.DialContext(ctx, "tcp", id.addr())
	}
}
