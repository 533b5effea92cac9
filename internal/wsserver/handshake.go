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
	"net/textproto"
	"net/url"
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

// Status codes of HTTP that a handshake is refused with.
const (
	statusBadRequest       = 400
	statusNotFound         = 404
	statusMethodNotAllowed = 405
	statusUpgradeRequired  = 426
	statusHeadTooLarge     = 431
)

var statusTexts = map[int]string{
	statusBadRequest:       "Bad Request",
	statusNotFound:         "Not Found",
	statusMethodNotAllowed: "Method Not Allowed",
	statusUpgradeRequired:  "Upgrade Required",
	statusHeadTooLarge:     "Request Header Fields Too Large",
}

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
			r = &refusal{status: statusHeadTooLarge, reason: "the request is too long"}
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
	request, err := readRequest(in)
	switch {
	case isNetwork(err):
		return "", fmt.Errorf("websocket handshake: %w", err)
	case err != nil:
		return "", &refusal{status: statusBadRequest, reason: "the request cannot be read"}
	}
	key := request.header.Get("Sec-WebSocket-Key")
	nonce, keyErr := base64.StdEncoding.DecodeString(key)
	switch {
	case !opts.Serves(request.path):
		return "", &refusal{status: statusNotFound, reason: "nothing is served at this path"}
	case request.method != "GET":
		return "", &refusal{status: statusMethodNotAllowed, header: "Allow: GET", reason: "the method is not GET"}
	case !lists(request.header, "Connection", "upgrade") || !lists(request.header, "Upgrade", "websocket"):
		return "", &refusal{status: statusUpgradeRequired, header: "Upgrade: websocket", reason: "only WebSocket is served here"}
	case request.header.Get("Sec-WebSocket-Version") != "13":
		return "", &refusal{status: statusUpgradeRequired, header: "Sec-WebSocket-Version: 13", reason: "the WebSocket version is not 13"}
	case keyErr != nil || len(nonce) != 16:
		return "", &refusal{status: statusBadRequest, reason: "Sec-WebSocket-Key is not 16 bytes in base64"}
	case !lists(request.header, "Sec-WebSocket-Protocol", opts.Subprotocol):
		return "", &refusal{status: statusBadRequest, reason: "the subprotocol " + opts.Subprotocol + " is not offered"}
	case request.body:
		return "", &refusal{status: statusBadRequest, reason: "the request has a body"}
	}
	proof := sha1.Sum([]byte(key + keyGUID))
	return "HTTP/1.1 101 Switching Protocols\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(proof[:]) + "\r\n" +
		"Sec-WebSocket-Protocol: " + opts.Subprotocol + "\r\n\r\n", nil
}

// request is the head of a request.
type request struct {
	method string
	path   string
	header textproto.MIMEHeader
	body   bool // one follows
}

// readRequest reads a head. It does without net/http, which would come into every
// program that has a hub. Source: RFC 9112 section 3.
func readRequest(in *bufio.Reader) (*request, error) {
	text := textproto.NewReader(in)
	line, err := text.ReadLine()
	if err != nil {
		return nil, err
	}
	word := strings.Split(line, " ")
	if len(word) != 3 || word[2] != "HTTP/1.1" {
		return nil, errors.New("no request of HTTP/1.1")
	}
	target, err := url.ParseRequestURI(word[1])
	if err != nil {
		return nil, err
	}
	header, err := text.ReadMIMEHeader()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if len(header["Host"]) != 1 {
		return nil, errors.New("not one Host")
	}
	length := header.Get("Content-Length")
	return &request{
		method: word[0], path: target.Path, header: header,
		body: header.Get("Transfer-Encoding") != "" || length != "" && length != "0",
	}, nil
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// lists reports whether one of the comma-separated values of a header is word, in
// any case.
func lists(h textproto.MIMEHeader, name, word string) bool {
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
		r.status, statusTexts[r.status], header, len(r.reason)+1, r.reason)
}
