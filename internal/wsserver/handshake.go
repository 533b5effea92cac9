package wsserver

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"time"
)

// Options configures the handshake.
type Options struct {
	Serves      func(path string) bool // whether a path of a request, without its query, is served; required
	Subprotocol string                 // the one spoken; a client that does not offer it is refused; required
	Timeout     time.Duration          // for the whole handshake; default 30 s
}

// maxRequest bounds the request line and headers of a handshake, in bytes.
const maxRequest = 16 << 10

// keyGUID is what a server proves its understanding with (RFC 6455, 1.3).
const keyGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// refusal is the HTTP answer to a handshake that fails.
type refusal struct {
	status int
	header string // one more line, "" for none
	reason string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("websocket handshake refused with %d: %s", r.status, r.reason)
}

// Accept does the handshake on nc. A client that is refused has its HTTP answer
// when Accept returns the error. nc stays open and belongs to the caller until
// Accept succeeds.
func Accept(nc net.Conn, opts Options) (*Conn, error) {
	timeout := opts.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	if err := nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, fmt.Errorf("websocket handshake: %w", err)
	}
	limited := &io.LimitedReader{R: nc, N: maxRequest}
	in := bufio.NewReader(limited)
	answer, err := judge(in, opts)
	if err != nil {
		var r *refusal
		if limited.N <= 0 {
			r = &refusal{status: http.StatusRequestHeaderFieldsTooLarge, reason: "the request is too long"}
			err = r
		}
		if errors.As(err, &r) {
			_, _ = io.WriteString(nc, r.response())
		}
		return nil, err
	}
	if _, err := io.WriteString(nc, answer); err != nil {
		return nil, fmt.Errorf("websocket handshake: %w", err)
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("websocket handshake: %w", err)
	}
	limited.N = math.MaxInt64
	return &Conn{nc: nc, in: in}, nil
}

// judge reads the request and returns the answer that accepts it.
func judge(in *bufio.Reader, opts Options) (string, error) {
	request, err := http.ReadRequest(in)
	switch {
	case isNetwork(err):
		return "", fmt.Errorf("websocket handshake: %w", err)
	case err != nil:
		return "", &refusal{status: http.StatusBadRequest, reason: "the request cannot be read"}
	}
	key := request.Header.Get("Sec-WebSocket-Key")
	nonce, keyErr := base64.StdEncoding.DecodeString(key)
	switch {
	case !opts.Serves(request.URL.Path):
		return "", &refusal{status: http.StatusNotFound, reason: "nothing is served at this path"}
	case request.Method != http.MethodGet:
		return "", &refusal{status: http.StatusMethodNotAllowed, header: "Allow: GET", reason: "the method is not GET"}
	case !lists(request.Header, "Connection", "upgrade") || !lists(request.Header, "Upgrade", "websocket"):
		return "", &refusal{status: http.StatusUpgradeRequired, header: "Upgrade: websocket", reason: "only WebSocket is served here"}
	case request.Header.Get("Sec-WebSocket-Version") != "13":
		return "", &refusal{status: http.StatusUpgradeRequired, header: "Sec-WebSocket-Version: 13", reason: "the WebSocket version is not 13"}
	case keyErr != nil || len(nonce) != 16:
		return "", &refusal{status: http.StatusBadRequest, reason: "Sec-WebSocket-Key is not 16 bytes in base64"}
	case !lists(request.Header, "Sec-WebSocket-Protocol", opts.Subprotocol):
		return "", &refusal{status: http.StatusBadRequest, reason: "the subprotocol " + opts.Subprotocol + " is not offered"}
	case request.ContentLength != 0:
		return "", &refusal{status: http.StatusBadRequest, reason: "the request has a body"}
	}
	proof := sha1.Sum([]byte(key + keyGUID))
	return "HTTP/1.1 101 Switching Protocols\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(proof[:]) + "\r\n" +
		"Sec-WebSocket-Protocol: " + opts.Subprotocol + "\r\n\r\n", nil
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// lists reports whether one of the comma-separated values of a header is word, in
// any case.
func lists(h http.Header, name, word string) bool {
	for _, line := range h.Values(name) {
		for _, value := range strings.Split(line, ",") {
			if strings.EqualFold(strings.TrimSpace(value), word) {
				return true
			}
		}
	}
	return false
}

func (r *refusal) response() string {
	header := ""
	if r.header != "" {
		header = r.header + "\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n%sConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\n",
		r.status, http.StatusText(r.status), header, len(r.reason)+1, r.reason)
}
