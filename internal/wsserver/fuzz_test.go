package wsserver

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// stranger is the network with a stranger's bytes on it.
type stranger struct{ in *bytes.Reader }

func (s stranger) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (stranger) Write(p []byte) (int, error)        { return len(p), nil }
func (stranger) Close() error                       { return nil }
func (stranger) LocalAddr() net.Addr                { return nil }
func (stranger) RemoteAddr() net.Addr               { return nil }
func (stranger) SetDeadline(time.Time) error        { return nil }
func (stranger) SetReadDeadline(t time.Time) error  { return nil }
func (stranger) SetWriteDeadline(t time.Time) error { return nil }

func FuzzAccept(f *testing.F) {
	f.Add([]byte(goodRequest))
	f.Add([]byte(goodRequest + string(masked(final|opBinary, []byte("hello"))) + string(masked(final|opClose, nil))))
	f.Add([]byte(goodRequest + "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00hello"))
	f.Add([]byte("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Accept(stranger{bytes.NewReader(b)}, testOptions)
		if err != nil {
			return
		}
		got, _ := io.Copy(io.Discard, c)
		if got > int64(len(b)) {
			t.Errorf("%d bytes out of %d", got, len(b))
		}
	})
}

// FuzzRead is what a stranger sends behind a good handshake: no more comes out
// than went in, and no more than one frame is said to each of his.
func FuzzRead(f *testing.F) {
	f.Add(bytes.Join([][]byte{
		masked(opBinary, []byte("he")), masked(final|opPing, []byte("?")), masked(opContinuation, nil), masked(final|opContinuation, []byte("llo")),
		masked(final|opPong, nil), masked(final|opBinary, make([]byte, 300)), masked(final|opClose, []byte{0x03, 0xe8, 'x'}), masked(final|opPing, nil),
	}, nil))
	f.Add([]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00hello"))
	f.Add(masked(final|opText, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		told := &listener{stranger: stranger{bytes.NewReader(append([]byte(goodRequest), b...))}}
		c, err := Accept(told, testOptions)
		if err != nil {
			t.Fatal(err)
		}
		told.frames, told.bytes = 0, 0
		got, _ := io.Copy(io.Discard, c)
		if got > int64(len(b)) || told.frames > len(b)/6+1 || told.bytes > 2*len(b)+2+maxControl {
			t.Errorf("%d bytes give %d, and %d bytes in %d frames are said", len(b), got, told.bytes, told.frames)
		}
	})
}

// FuzzFragments: however a message is cut into frames, with pings between them,
// its bytes come out, and each ping is answered.
func FuzzFragments(f *testing.F) {
	f.Add([]byte("hello"), []byte{1, 0, 0x83, 2})
	f.Add(make([]byte, 1000), []byte{250, 0xff, 1})
	f.Fuzz(func(t *testing.T, payload, cuts []byte) {
		sent := []byte(goodRequest)
		op, rest, pings := byte(opBinary), payload, 0
		for _, cut := range cuts {
			if cut&0x80 != 0 {
				sent = append(sent, masked(final|opPing, []byte{cut})...)
				pings++
				continue
			}
			n := min(int(cut), len(rest))
			sent = append(sent, masked(op, rest[:n])...)
			op, rest = opContinuation, rest[n:]
		}
		sent = append(sent, masked(final|op, rest)...)
		told := &listener{stranger: stranger{bytes.NewReader(append(sent, masked(final|opClose, nil)...))}}
		c, err := Accept(told, testOptions)
		if err != nil {
			t.Fatal(err)
		}
		told.frames = 0
		if got, err := io.ReadAll(c); !bytes.Equal(got, payload) || err != nil {
			t.Errorf("%x comes out as %x, %v", payload, got, err)
		}
		if told.frames != pings+1 { // and the close frame
			t.Errorf("%d frames to %d pings and a close frame", told.frames, pings)
		}
	})
}

// listener is a stranger who counts what he is told.
type listener struct {
	stranger
	frames, bytes int
}

func (l *listener) Write(p []byte) (int, error) {
	l.frames++
	l.bytes += len(p)
	return len(p), nil
}
