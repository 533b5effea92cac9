package hub

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"

	"fieldpost/internal/wsserver"
)

const (
	// handshakeTimeout bounds each step before AMQP: TLS, the first byte, WebSocket.
	handshakeTimeout = 30 * time.Second

	socketProtocol = "AMQPWSB10"
	socketPath     = "/$iothub/websocket"
	entitySocket   = "/$servicebus/websocket" // of Event Hubs clients
)

// client is the connection of one peer as the engine sees it: what came through
// TLS, or through WebSocket inside TLS.
type client struct {
	halfCloser
	raw   *socket             // below TLS
	chain []*x509.Certificate // the peer's own first; none for most
}

// halfCloser is a connection that can end in one direction.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// NetConn returns the connection below TLS: closing it waits for nobody.
func (c *client) NetConn() net.Conn { return c.raw }

// admit does the handshakes that come before AMQP. AMQP and WebSocket share the
// listener, and the first byte tells them apart: AMQP's protocol header begins
// with an A, which no method of HTTP does.
func (h *Hub) admit(ctx context.Context, s *socket) (*client, error) {
	conn := tls.Server(s, h.tls)
	if err := shake(ctx, conn); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c := &client{halfCloser: conn, raw: s, chain: conn.ConnectionState().PeerCertificates}
	if h.opts.NoWebSocket {
		return c, nil
	}
	var first [1]byte
	if err := conn.SetReadDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return nil, err
	}
	if _, err := conn.Read(first[:]); err != nil {
		return nil, fmt.Errorf("reading the first byte: %w", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	whole := &reread{Conn: conn, head: first[:]}
	c.halfCloser = whole
	if first[0] == 'A' || first[0] < 'A' || first[0] > 'Z' {
		return c, nil
	}
	ws, err := wsserver.Accept(whole, wsserver.Options{
		Serves: func(path string) bool {
			return strings.EqualFold(path, socketPath) || strings.EqualFold(path, entitySocket)
		},
		Subprotocol: socketProtocol,
		Timeout:     handshakeTimeout,
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.halfCloser = ws
	return c, nil
}

func shake(ctx context.Context, conn *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	return conn.HandshakeContext(ctx)
}

// reread is a connection whose first bytes have been read already.
type reread struct {
	*tls.Conn
	head []byte
}

func (r *reread) Read(p []byte) (int, error) {
	if len(r.head) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.head)
	r.head = r.head[n:]
	return n, nil
}

// WebSocketURL returns the address of AMQP over WebSocket, "" when it is not
// served.
func (h *Hub) WebSocketURL() string {
	if h.opts.NoWebSocket || h.names.port == 0 {
		return ""
	}
	return "wss://" + h.names.at(httpsPort) + socketPath
}
