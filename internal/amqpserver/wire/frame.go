package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Types of a frame (spec 2.3.1).
const (
	FrameAMQP byte = 0
	FrameSASL byte = 1
)

// MinMaxFrameSize is the largest frame every peer must accept, in bytes (spec 2.8.19).
const MinMaxFrameSize = 512

const (
	headerSize = 8
	firstChunk = 4096 // read before an announced size is believed
)

// Frame is one frame as it came. Body is empty in a heartbeat.
type Frame struct {
	Type    byte
	Channel uint16
	Body    []byte // valid until the next call of Next
}

// FrameReader cuts a byte stream into frames. It holds memory for one frame,
// and only as much as has really arrived.
type FrameReader struct {
	r    io.Reader
	max  uint32
	head [headerSize]byte
	buf  []byte
}

// NewFrameReader reads frames of at most max bytes from r.
func NewFrameReader(r io.Reader, max uint32) *FrameReader {
	return &FrameReader{r: r, max: max}
}

// Next reads one frame. io.EOF means that the stream ended between two frames;
// an *Error with amqp:connection:framing-error that it holds no frame here; any
// other error is the reader's.
func (r *FrameReader) Next() (Frame, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return Frame{}, err
	}
	size := binary.BigEndian.Uint32(r.head[:])
	doff := uint32(r.head[4]) * 4
	switch {
	case size < headerSize:
		return Frame{}, framingErrorf("frame of %d bytes", size)
	case size > r.max:
		return Frame{}, framingErrorf("frame of %d bytes, at most %d allowed", size, r.max)
	case doff < headerSize || doff > size:
		return Frame{}, framingErrorf("data offset %d in a frame of %d bytes", doff, size)
	}
	if err := r.fill(int(size - headerSize)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return Frame{
		Type:    r.head[5],
		Channel: binary.BigEndian.Uint16(r.head[6:]),
		Body:    r.buf[doff-headerSize:],
	}, nil
}

// fill reads n bytes into buf. The buffer doubles only after what it holds has
// been filled by the peer.
func (r *FrameReader) fill(n int) error {
	if n <= cap(r.buf) {
		r.buf = r.buf[:n]
		_, err := io.ReadFull(r.r, r.buf)
		return err
	}
	done := 0
	for size := max(cap(r.buf), firstChunk); ; size *= 2 {
		size = min(size, n)
		grown := make([]byte, size)
		copy(grown, r.buf[:done])
		r.buf = grown
		if _, err := io.ReadFull(r.r, r.buf[done:]); err != nil {
			return err
		}
		if done = size; done == n {
			return nil
		}
	}
}

func framingErrorf(format string, args ...any) error {
	return &Error{Condition: CondFramingError, Description: fmt.Sprintf(format, args...)}
}

// AppendFrame appends one frame to b. A nil body makes a heartbeat; the payload
// of a Transfer follows its performative.
func AppendFrame(b []byte, typ byte, channel uint16, body Body) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0, headerSize/4, typ, byte(channel>>8), byte(channel))
	if body != nil {
		var err error
		if b, err = appendComposite(b, body.code(), body.write); err != nil {
			return b[:start], err
		}
		if t, ok := body.(*Transfer); ok {
			b = append(b, t.Payload...)
		}
	}
	size := len(b) - start
	if uint64(size) > math.MaxUint32 {
		return b[:start], framingErrorf("frame of %d bytes", size)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(size))
	return b, nil
}
