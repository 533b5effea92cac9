package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxTrailer is how many fields may stand behind a body. Each is as long as the
// buffer it is read through at most.
const maxTrailer = 16

// bodyOf returns what follows h: as long as h says, or unsized where h says
// nothing. What stands behind a body in chunks is added to trailer.
// Source: RFC 9112 section 6.
func bodyOf(in *bufio.Reader, h, trailer Header, unsized io.Reader) (io.Reader, error) {
	coding, lengths := h["Transfer-Encoding"], h["Content-Length"]
	switch {
	case len(coding) == 0 && len(lengths) == 0:
		return unsized, nil
	case len(coding) > 0 && len(lengths) > 0, len(lengths) > 1:
		return nil, &refusal{StatusBadRequest, "two lengths of one body"}
	case len(coding) > 1, len(coding) == 1 && !strings.EqualFold(coding[0], "chunked"):
		return nil, &refusal{StatusNotImplemented, "only the transfer coding chunked is understood here"}
	case len(coding) == 1:
		return &chunked{in: in, trailer: trailer}, nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, 63)
	if err != nil {
		return nil, &refusal{StatusBadRequest, "Content-Length is not a number"}
	}
	return &sized{in, n}, nil
}

// sized reads a body of a known length.
type sized struct {
	in   *bufio.Reader
	left uint64
}

func (s *sized) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.in.Read(p[:min(uint64(len(p)), s.left)])
	s.left -= uint64(n)
	return n, within(err)
}

// chunked reads a body in chunks, and then its trailer.
// Source: RFC 9112 section 7.1.
type chunked struct {
	in      *bufio.Reader
	left    uint64 // of a chunk that was begun
	trailer Header
	err     error
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.in.Read(p[:min(uint64(len(p)), c.left)])
	c.left -= uint64(n)
	c.err = within(err)
	if c.err == nil && c.left == 0 && n > 0 {
		c.err = c.close()
	}
	return n, c.err
}

// next begins a chunk. The last one is empty: the trailer is read, and io.EOF is
// returned.
func (c *chunked) next() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	digits, _, _ := bytes.Cut(line, []byte{';'})
	if c.left, err = strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 63); err != nil {
		return errors.New("invalid byte in chunk length")
	}
	if c.left > 0 {
		return nil
	}
	for range maxTrailer {
		if line, err = c.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			return io.EOF
		}
		name, value, _ := strings.Cut(string(line), ":")
		c.trailer.Add(name, strings.TrimSpace(value))
	}
	return errors.New("too many trailers")
}

// close reads what stands behind a chunk.
func (c *chunked) close() error {
	line, err := c.line()
	if err == nil && len(line) > 0 {
		err = errors.New("a chunk is longer than it said")
	}
	return err
}

// line reads to the end of a line, which is short.
func (c *chunked) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, errors.New("a line between chunks is too long")
	}
	return bytes.TrimRight(line, "\r\n"), within(err)
}
