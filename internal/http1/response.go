package http1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
)

// Response is the answer to a request.
type Response struct {
	Status  int
	Header  Header
	Trailer Header    // complete when Body is at its end
	Body    io.Reader // ends with io.ErrUnexpectedEOF when the peer broke it off
}

// ReadResponse reads the head of the answer to a request of that method. An answer
// that ends early gives io.ErrUnexpectedEOF. How much is read is bounded by what in
// reads from; a body begins where the head ends.
func ReadResponse(in *bufio.Reader, method string) (*Response, error) {
	r := &Response{Trailer: Header{}}
	// Until the answer there may be others that only say that it will come.
	for r.Status/100 <= 1 && r.Status != StatusSwitchingProtocols {
		if err := r.readHead(in); err != nil {
			return nil, within(err)
		}
	}
	none := strings.NewReader("")
	if method == MethodHead || r.Status == StatusSwitchingProtocols || r.Status == 204 || r.Status == 304 ||
		method == MethodConnect && r.Status/100 == 2 {
		r.Body = none
		return r, nil
	}
	var err error
	r.Body, err = bodyOf(in, r.Header, r.Trailer, in)
	return r, err
}

func (r *Response) readHead(in *bufio.Reader) error {
	text := textproto.NewReader(in)
	line, err := text.ReadLine()
	if err != nil {
		return err
	}
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !strings.HasPrefix(version, "HTTP/1.") || len(code) != 3 {
		return errors.New("malformed HTTP response")
	}
	if r.Status, err = strconv.Atoi(code); err != nil || r.Status < 100 {
		return fmt.Errorf("malformed HTTP status %q", code)
	}
	r.Header, err = text.ReadMIMEHeader()
	return err
}
