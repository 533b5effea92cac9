package uplink

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"strings"

	"fieldpost/internal/http1"
)

const (
	httpsPort = "443"
	// socketPath and socketProtocol are IoT Hub's.
	socketPath     = "/$iothub/websocket"
	socketProtocol = "AMQPWSB10"
	// maxSocketHead bounds the header of the answer, in bytes.
	maxSocketHead = 16 << 10
)

// socketAddr is where the WebSocket is: at the port of HTTPS, or at the port that
// the identity names when that is one of its own.
func (id Identity) socketAddr() string {
	host, port, _ := net.SplitHostPort(id.addr())
	if port == amqpsPort {
		port = httpsPort
	}
	return net.JoinHostPort(host, port)
}

// socketURL is what the hub is asked for.
func (id Identity) socketURL() *url.URL {
	host := id.tlsName()
	if _, port, _ := net.SplitHostPort(id.socketAddr()); port != httpsPort {
		host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return &url.URL{Scheme: "wss", Host: host, Path: socketPath}
}

// dialWebSocket opens a WebSocket at the hub.
func (r *router) dialWebSocket(ctx context.Context, id Identity) (net.Conn, error) {
	to := id.socketURL()
	conn, err := r.dialTLS(ctx, id, id.socketAddr())
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	var ws *socket
	err = heed(ctx, conn.NetConn(), func() (err error) {
		ws, err = upgrade(conn, to)
		return err
	})
	if err != nil {
		cut(conn)
		return nil, &explained{fmt.Errorf("dial %s: %w", to, err), diagnosis{cause: CauseNetwork,
			hint: "what answers there opens no WebSocket for AMQP: check HostName and port, for a proxy in between, or set transport amqp"}}
	}
	ws.raw = conn.NetConn()
	return ws, nil
}

// upgrade asks for a WebSocket on conn. Source: RFC 6455 section 4.1.
func upgrade(conn net.Conn, to *url.URL) (*socket, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	req := http1.Request{
		Method: http1.MethodGet,
		Target: to.EscapedPath(),
		Host:   to.Host,
		Header: http1.Header{
			"User-Agent":             {"fieldpost"},
			"Connection":             {"Upgrade"},
			"Upgrade":                {"websocket"},
			"Sec-Websocket-Version":  {"13"},
			"Sec-Websocket-Key":      {key},
			"Sec-Websocket-Protocol": {socketProtocol},
		},
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	head := &io.LimitedReader{R: conn, N: maxSocketHead}
	in := bufio.NewReaderSize(head, maxSocketHead)
	resp, err := http1.ReadResponse(in, req.Method)
	var broken *net.OpError
	switch {
	case errors.As(err, &broken):
		return nil, err
	case err != nil:
		// What it said instead may be anything, of any length.
		return nil, errors.New("no HTTP answer")
	}
	if err := agreed(resp, key); err != nil {
		return nil, err
	}
	head.N = math.MaxInt64
	return &socket{Conn: conn, in: in}, nil
}

// agreed checks that an answer opens the WebSocket that was asked for.
func agreed(resp *http1.Response, key string) error {
	switch h := resp.Header; {
	case resp.Status != http1.StatusSwitchingProtocols:
		return fmt.Errorf("answered %s in place of a WebSocket", strings.TrimSpace(fmt.Sprint(resp.Status, " ", http1.StatusText(resp.Status))))
	case !strings.EqualFold(h.Get("Upgrade"), "websocket"), !strings.Contains(strings.ToLower(strings.Join(h.Values("Connection"), ",")), "upgrade"),
		h.Get("Sec-WebSocket-Accept") != acceptOf(key):
		return errors.New("the answer opens no WebSocket")
	case h.Get("Sec-WebSocket-Protocol") != socketProtocol:
		return errors.New("the WebSocket does not carry AMQP: no subprotocol " + socketProtocol)
	case h.Get("Sec-WebSocket-Extensions") != "":
		return errors.New("the answer has extensions that nobody asked for")
	}
	return nil
}

// acceptOf is how a server shows that it has read the key.
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
