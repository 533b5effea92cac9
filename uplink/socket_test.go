package uplink

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wire is a connection whose peer has said everything it will ever say.
type wire struct {
	net.Conn
	said io.Reader
	got  bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error)       { return w.said.Read(p) }
func (w *wire) Write(p []byte) (int, error)      { return w.got.Write(p) }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) Close() error                     { return nil }

func hears(said string) (*socket, *wire) {
	w := &wire{said: strings.NewReader(said)}
	return &socket{Conn: w, in: bufio.NewReader(w)}, w
}

// sent decodes the frames that a client wrote.
func sent(t *testing.T, text []byte) (frames []string) {
	t.Helper()
	for len(text) > 0 {
		size, at := int(text[1]&0x7f), 2
		switch size {
		case 126:
			size, at = int(binary.BigEndian.Uint16(text[2:])), 4
		case 127:
			size, at = int(binary.BigEndian.Uint64(text[2:])), 10
		}
		if text[1]&0x80 == 0 || text[0]&0xf0 != 0x80 {
			t.Fatalf("frame %x has no mask, or is not whole", text[:2])
		}
		mask, payload := text[at:at+4], text[at+4:at+4+size]
		frame := []byte{text[0]&0x0f + '0'}
		for i, b := range payload {
			frame = append(frame, b^mask[i&3])
		}
		frames = append(frames, string(frame))
		text = text[at+4+size:]
	}
	return frames
}

func TestSocketReadsAStream(t *testing.T) {
	const ping, pong = "\x89\x02hi", "\x8a\x00"
	long := strings.Repeat("x", 300)
	s, w := hears("\x82\x03abc" + ping + "\x02\x01d" + pong + "\x00\x01e" + ping + "\x80\x00" + "\x82\x00" +
		"\x82\x7e\x01\x2c" + long + "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01f" + "\x88\x02\x03\xe8")
	got, err := io.ReadAll(s)
	if string(got) != "abcde"+long+"f" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if frames := sent(t, w.got.Bytes()); strings.Join(frames, " ") != ":hi :hi 8\x03\xe8" { // ':' is 10, pong
		t.Errorf("answered %q", frames)
	}
}

func TestSocketWritesOneMessageEach(t *testing.T) {
	s, w := hears("")
	var want []string
	for _, n := range []int{0, 1, 7, 8, 9, 125, 126, 65535, 65536} {
		p := bytes.Repeat([]byte("abcdefghi"), n/9+1)[:n]
		if got, err := s.Write(p); got != n || err != nil {
			t.Errorf("%d bytes: wrote %d, %v", n, got, err)
		}
		want = append(want, "2"+string(p))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	want = append(want, "8\x03\xe8")
	got := sent(t, w.got.Bytes())
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("frame %d has %d bytes and differs from the %d written", i, len(got[i]), len(want[i]))
		}
	}
}

func TestSocketRefuses(t *testing.T) {
	for name, v := range map[string]struct {
		said string
		want string
	}{
		"text":                         {"\x81\x01a", "opcode 1"},
		"an unknown opcode":            {"\x83\x01a", "opcode 3"},
		"an unknown control":           {"\x8b\x00", "opcode 11"},
		"a mask":                       {"\x82\x81aaaaa", "mask"},
		"reserved bits":                {"\xc2\x01a", "reserved bits"},
		"a long control":               {"\x89\x7e\x00\x80" + strings.Repeat("a", 128), "control frame of 128"},
		"a control in parts":           {"\x09\x00", "control frame"},
		"a continuation of nothing":    {"\x80\x01a", "opcode 0"},
		"a message within another":     {"\x02\x01a\x82\x01b", "opcode 2"},
		"a length beyond all":          {"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "opcode 2"},
		"an end within a header":       {"\x82", "unexpected EOF"},
		"an end within a length":       {"\x82\x7e\x01", "unexpected EOF"},
		"an end within a payload":      {"\x82\x05abc", "unexpected EOF"},
		"an end within a control":      {"\x89\x05abc", "unexpected EOF"},
		"an end without a close":       {"", "EOF"},
		"a close with a reason":        {"\x88\x05\x03\xf3bye", `closed by the peer: 1011 "bye"`},
		"a close without a code":       {"\x88\x00", "EOF"},
		"a close because it goes away": {"\x88\x02\x03\xe9", "EOF"},
	} {
		s, _ := hears(v.said)
		var err error
		for err == nil {
			_, err = s.Read(make([]byte, 10))
		}
		if !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: %v, want %q", name, err, v.want)
		}
	}
}

func TestUpgradeRefuses(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: KEY\r\nSec-WebSocket-Protocol: AMQPWSB10\r\n\r\n"
	for name, v := range map[string]struct{ answer, want string }{
		"good":            {good + "\x82\x02ok", ""},
		"not HTTP":        {"AMQP\x00\x01\x00\x00", "no HTTP answer"},
		"nothing":         {"", "no HTTP answer"},
		"a page":          {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "answered 200 OK in place of a WebSocket"},
		"another place":   {"HTTP/1.1 404 Not Found\r\n\r\n", "answered 404 Not Found"},
		"no upgrade":      {strings.Replace(good, "Upgrade: WebSocket", "Upgrade: h2c", 1), "opens no WebSocket"},
		"no connection":   {strings.Replace(good, ", Upgrade", "", 1), "opens no WebSocket"},
		"another key":     {strings.Replace(good, "KEY", "dGhlIHNhbXBsZSBub25jZQ==", 1), "opens no WebSocket"},
		"no subprotocol":  {strings.Replace(good, "AMQPWSB10", "", 1), "no subprotocol AMQPWSB10"},
		"an extension":    {strings.Replace(good, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1), "extensions"},
		"an endless head": {"HTTP/1.1 101 x\r\nX: " + strings.Repeat("x", 64<<10), "no HTTP answer"},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			asked := make(chan *http.Request, 1)
			go func() {
				defer server.Close()
				req, err := http.ReadRequest(bufio.NewReader(server))
				if err != nil {
					return
				}
				asked <- req
				_, _ = io.WriteString(server, strings.Replace(v.answer, "KEY", acceptOf(req.Header.Get("Sec-WebSocket-Key")), 1))
			}()
			s, err := upgrade(client, Identity{Host: "hub.example"}.socketURL())
			req := <-asked
			if req.URL.String() != "/$iothub/websocket" || req.Host != "hub.example" {
				t.Errorf("asked %s for %s", req.Host, req.URL)
			}
			if v.want != "" {
				if err == nil || !strings.Contains(err.Error(), v.want) {
					t.Errorf("%v, want %q", err, v.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 2)
			if _, err := io.ReadFull(s, got); err != nil || string(got) != "ok" {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

// The key and the answer are those of RFC 6455 section 1.3.
func TestAcceptVector(t *testing.T) {
	if got := acceptOf("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}

func FuzzSocketRead(f *testing.F) {
	for _, said := range []string{"\x82\x03abc", "\x02\x01a\x80\x01b", "\x89\x02hi\x88\x02\x03\xe8", "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01f", "\x82\x7e\x00\x7fx"} {
		f.Add([]byte(said))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		s, w := hears(string(said))
		n, err := io.Copy(io.Discard, s)
		if n > int64(len(said)) {
			t.Errorf("%d bytes out of %d", n, len(said))
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("an end that is no end: %v", err)
		}
		sent(t, w.got.Bytes())
	})
}
