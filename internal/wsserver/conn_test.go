package wsserver

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// accepted returns a connection past the handshake and the client's end of it.
func accepted(t testing.TB) (client net.Conn, in *bufio.Reader, c *Conn) {
	t.Helper()
	client, server := pipe(t)
	if _, err := io.WriteString(client, goodRequest); err != nil {
		t.Fatal(err)
	}
	c, err := Accept(server, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	in = bufio.NewReader(client)
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	return client, in, c
}

// masked is a client's frame; head is its first byte.
func masked(head byte, payload []byte) []byte {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b := []byte{head}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, x := range payload {
		b = append(b, x^mask[i&3])
	}
	return b
}

const final = 0x80

// readFrame reads one frame of the server.
func readFrame(t testing.TB, in io.Reader) (op byte, payload []byte) {
	t.Helper()
	var head [10]byte
	read := func(b []byte) {
		if _, err := io.ReadFull(in, b); err != nil {
			t.Fatal(err)
		}
	}
	read(head[:2])
	if head[0]&0xf0 != final || head[1]&0x80 != 0 {
		t.Fatalf("frame begins with % x", head[:2])
	}
	length := uint64(head[1])
	switch length {
	case 126:
		read(head[2:4])
		length = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		read(head[2:10])
		length = binary.BigEndian.Uint64(head[2:])
	}
	payload = make([]byte, length)
	read(payload)
	return head[0] & 0x0f, payload
}

func write(t testing.TB, c net.Conn, frames ...[]byte) {
	t.Helper()
	if _, err := c.Write(bytes.Join(frames, nil)); err != nil {
		t.Fatal(err)
	}
}

// The frames of the RFC's examples, with the operation code of binary messages.
func TestReadExamples(t *testing.T) {
	client, _, c := accepted(t)
	write(t, client, []byte{0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58})
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "Hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReadIsAStream(t *testing.T) {
	client, in, c := accepted(t)
	long := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		write(t, client,
			masked(final|opBinary, []byte("one ")),
			masked(opBinary, []byte("tw")), masked(final|opPing, []byte("?")), masked(opContinuation, nil), masked(final|opContinuation, []byte("o ")),
			masked(final|opPong, []byte("unasked")),
			masked(final|opBinary, nil),
			masked(final|opBinary, long[:300]), masked(final|opBinary, long[300:]),
			masked(final|opClose, []byte{0x03, 0xe8, 'b', 'y', 'e'}))
	})
	got, err := io.ReadAll(c)
	if want := "one two " + string(long); err != nil || string(got) != want {
		t.Errorf("%d bytes, want %d; %v", len(got), len(want), err)
	}
	if op, payload := readFrame(t, in); op != opPong || string(payload) != "?" {
		t.Errorf("frame %d %q, want a pong", op, payload)
	}
	if op, payload := readFrame(t, in); op != opClose || string(payload) != "\x03\xe8" {
		t.Errorf("frame %d %q, want a close with the client's status", op, payload)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after the close frame: %v", err)
	}
}

func TestBrokenFramesAreAnsweredWithTheReason(t *testing.T) {
	for name, tc := range map[string]struct {
		bytes  []byte
		status uint16
	}{
		"text":                   {masked(final|opText, []byte("hello")), 1003},
		"not masked":             {[]byte{0x82, 0x01, 'x'}, 1002},
		"reserved bit":           {masked(final|0x40|opBinary, nil), 1002},
		"unknown data code":      {masked(final|0x3, nil), 1002},
		"unknown control code":   {masked(final|0xb, nil), 1002},
		"fragmented ping":        {masked(opPing, nil), 1002},
		"long ping":              {masked(final|opPing, make([]byte, 126)), 1002},
		"continuation of nought": {masked(final|opContinuation, nil), 1002},
		"message in a message":   {append(masked(opBinary, nil), masked(final|opBinary, nil)...), 1002},
		"negative length":        {[]byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}, 1002},
	} {
		client, in, c := accepted(t)
		write(t, client, tc.bytes)
		for range 2 {
			if n, err := c.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
				t.Errorf("%s: read gives %d, %v", name, n, err)
			}
		}
		op, payload := readFrame(t, in)
		if op != opClose || len(payload) < 3 || binary.BigEndian.Uint16(payload) != tc.status {
			t.Errorf("%s: frame %d %q, want a close with %d", name, op, payload, tc.status)
		}
	}
}

func TestWriteSizes(t *testing.T) {
	_, in, c := accepted(t)
	for _, size := range []int{1, 125, 126, 65535, 65536, 200_000} {
		want := bytes.Repeat([]byte{byte(size)}, size)
		var writing sync.WaitGroup
		writing.Go(func() {
			if n, err := c.Write(want); n != size || err != nil {
				t.Errorf("write of %d: %d, %v", size, n, err)
			}
		})
		op, payload := readFrame(t, in)
		writing.Wait()
		if op != opBinary || !bytes.Equal(payload, want) {
			t.Errorf("frame %d with %d bytes, want %d", op, len(payload), size)
		}
	}
	if cap(c.out) > keepBuffer {
		t.Errorf("a buffer of %d bytes is kept", cap(c.out))
	}
}

// Frames of several writers and pongs do not mix.
func TestWritesAreWhole(t *testing.T) {
	client, in, c := accepted(t)
	const each = 200
	var writing sync.WaitGroup
	for w := range 3 {
		writing.Go(func() {
			for range each {
				if _, err := c.Write(bytes.Repeat([]byte{byte(w)}, 1000)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Go(func() {
		for range each {
			write(t, client, masked(final|opPing, []byte("ping")))
		}
		write(t, client, masked(final|opBinary, []byte("x")))
	})
	writing.Go(func() {
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
	pongs := 0
	for range 4 * each {
		op, payload := readFrame(t, in)
		if op == opPong {
			pongs++
		} else if strings.Trim(string(payload), string(payload[:1])) != "" {
			t.Fatalf("a frame of several writers: % x", payload)
		}
	}
	writing.Wait()
	if pongs != each {
		t.Errorf("%d pongs, want %d", pongs, each)
	}
}

func TestCloseWriteWaitsForTheAnswer(t *testing.T) {
	client, in, c := accepted(t)
	for range 2 {
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	if op, payload := readFrame(t, in); op != opClose || string(payload) != "\x03\xe8" {
		t.Errorf("frame %d %q", op, payload)
	}
	write(t, client, masked(final|opBinary, []byte("last")), masked(final|opClose, []byte{0x03, 0xe8}))
	if got, err := io.ReadAll(c); string(got) != "last" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		t.Errorf("after the close frame: %q, %v", rest, err)
	}
}

func TestReadDeadlineBetweenFramesBreaksNothing(t *testing.T) {
	client, _, c := accepted(t)
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	write(t, client, masked(final|opBinary, []byte("x")))
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
