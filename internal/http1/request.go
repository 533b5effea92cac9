package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"strings"
)

// Request asks for something.
type Request struct {
	Method string
	Target string // what stands in the request line, visible ASCII
	Host   string // visible ASCII
	Header Header
	Body   []byte // nil = none
}

// Write sends the request in one piece.
func (r *Request) Write(w io.Writer) error {
	for _, part := range []string{r.Method, r.Target, r.Host} {
		if !visible(part) {
			return fmt.Errorf("%q cannot be asked for with HTTP: it is not visible ASCII", part)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, r.Host)
	writeHeader(&b, r.Header)
	if r.Body != nil || r.Method == MethodPost {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	b.WriteString("\r\n")
	b.Write(r.Body)
	_, err := w.Write(b.Bytes())
	return err
}

// Asked is a request that a server has received.
type Asked struct {
	Method string
	URL    *url.URL
	Header Header

	old      bool // HTTP/1.0
	body     io.Reader
	received bool   // all of the body
	wanted   func() // tells the client to send the body
	done     func() // is called when the body was received
}

// TooLargeError is a body of more bytes than were to be read.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("request is larger than %d bytes", e.Limit)
}

// ReadBody returns the whole body, or a *TooLargeError when it has more than limit
// bytes.
func (r *Asked) ReadBody(limit int64) ([]byte, error) {
	r.wanted()
	b, err := io.ReadAll(io.LimitReader(r.body, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > limit:
		return nil, &TooLargeError{limit}
	}
	r.received = true
	r.done()
	return b, nil
}

// refusal is what a server says to something that is no request.
type refusal struct {
	status int
	reason string
}

func (e *refusal) Error() string { return e.reason }

// readHead reads a request up to its body. A *refusal is to be answered.
func readHead(in *bufio.Reader) (*Asked, error) {
	text := textproto.NewReader(in)
	line, err := text.ReadLine()
	if err != nil {
		return nil, err
	}
	method, rest, _ := strings.Cut(line, " ")
	target, version, spaced := strings.Cut(rest, " ")
	switch {
	case !spaced || !visible(method) || !visible(target) || !strings.HasPrefix(version, "HTTP/"):
		return nil, &refusal{StatusBadRequest, "this is not HTTP"}
	case version != "HTTP/1.1" && version != "HTTP/1.0":
		return nil, &refusal{StatusHTTPVersionNotSupported, "only HTTP/1.1 and HTTP/1.0 are spoken here"}
	}
	r := &Asked{Method: method, old: version == "HTTP/1.0"}
	if r.URL, err = url.ParseRequestURI(target); err != nil {
		return nil, &refusal{StatusBadRequest, "the target of the request is no URL"}
	}
	if r.Header, err = text.ReadMIMEHeader(); err != nil {
		return nil, headFault(err)
	}
	if hosts := r.Header["Host"]; len(hosts) > 1 || len(hosts) == 0 && !r.old {
		return nil, &refusal{StatusBadRequest, "the request needs one Host"}
	}
	r.body, err = bodyOf(in, r.Header, Header{}, strings.NewReader(""))
	return r, err
}

// headFault makes a refusal of a header that cannot be read.
func headFault(err error) error {
	if _, bad := err.(textproto.ProtocolError); bad {
		return &refusal{StatusBadRequest, "the header of the request cannot be read"}
	}
	return within(err)
}
