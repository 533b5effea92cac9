package uplink

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// dialTLS connects to addr over TCP and TLS, through a proxy where there is one.
// The identity's certificate is presented whatever authorities the hub names: a
// hub that knows it by its thumbprint names none that issued it.
func (r *router) dialTLS(ctx context.Context, id Identity, addr string) (*tls.Conn, error) {
	raw, via, err := r.reach(ctx, addr)
	if err != nil {
		return nil, err
	}
	cfg := tlsConfig(id, id.tlsName(), r.clock)
	if !id.Certificate.IsZero() {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return id.Certificate.TLS(), nil }
	}
	conn := tls.Client(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		cut(raw)
		if ctx.Err() != nil {
			err = &explained{fmt.Errorf("TLS handshake: %w", ctx.Err()), diagnosis{cause: CauseNetwork, hint: hintMute}}
		}
		return nil, via.explain(err)
	}
	return conn, nil
}

// reach connects to addr over TCP, and says through which proxy.
func (r *router) reach(ctx context.Context, addr string) (net.Conn, Proxy, error) {
	var via Proxy
	if r.Proxy != nil {
		var err error
		if via, err = r.Proxy(addr); err != nil {
			return nil, via, &explained{err, diagnosis{cause: CauseNetwork, hint: hintOf(err, "check hub.proxy and hub.proxy_credentials_file")}}
		}
	}
	if via.Addr == "" {
		conn, err := r.DialTCP(ctx, addr)
		return conn, via, err
	}
	conn, err := via.dial(ctx, r.DialTCP, addr)
	return conn, via, err
}
