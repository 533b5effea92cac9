package uplink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	headerSASL = "AMQP\x03\x01\x00\x00"
	headerAMQP = "AMQP\x00\x01\x00\x00"
)

func aFrame(kind, channel byte, body string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(headerSize+len(body)))
	return string(append(b, 2, kind, 0, channel)) + body
}

func aTransfer(handle byte, more bool, payload int) string {
	said := byte(amqpTrue + 1)
	if more {
		said = amqpTrue
	}
	fields := []byte{amqpUint8, handle, amqpUint8, 9, amqpBin8, 4, 't', 'a', 'g', '!', amqpUint0, amqpNull, said}
	return aFrame(0, 1, "\x00\x53\x14\xc0"+string([]byte{byte(len(fields) + 1), 6})+string(fields)+strings.Repeat("x", payload))
}

// source is a connection from which b is read in pieces.
type source struct {
	net.Conn
	b     io.Reader
	piece int
}

func (s *source) Read(p []byte) (int, error) { return s.b.Read(p[:min(s.piece, len(p))]) }

func TestFraming(t *testing.T) {
	open := headerSASL + aFrame(1, 0, "\x00\x53\x40\xc0\x01\x00") + aFrame(1, 0, "\x00\x53\x44\xc0\x03\x01\x50\x00") +
		headerAMQP + aFrame(0, 0, "\x00\x53\x10\xc0\x01\x00") + aFrame(0, 0, "")
	longMessage := strings.Repeat(aTransfer(3, true, 60<<10), 10) + aTransfer(3, false, 100)
	for name, v := range map[string]struct {
		says, want string
	}{
		"good":                   {open + longMessage, ""},
		"good, without SASL":     {headerAMQP + aFrame(0, 0, "\x00\x53\x10\x45"), ""},
		"good, long descriptor":  {headerSASL + aFrame(1, 0, "\x00\x80\x00\x00\x00\x00\x00\x00\x00\x44\x45") + headerAMQP + aFrame(0, 0, ""), ""},
		"good, a hundred long":   {open + strings.Repeat(longMessage, 100), ""},
		"good, ended with links": {open + strings.Repeat(strings.Repeat(aTransfer(3, true, 60<<10), 10)+aFrame(0, 1, "\x00\x53\x16\xc0\x03\x01\x52\x03"), 10), ""},
		"frame of 2 GiB":         {open + "\x7f\xff\xff\xff\x02\x00\x00\x00", "frame of 2147483647 bytes"},
		"frame of one too many":  {open + "\x00\x01\x00\x01\x02\x00\x00\x00", "frame of 65537 bytes"},
		"frame without header":   {open + "\x00\x00\x00\x07\x02\x00\x00\x00", "frame of 7 bytes"},
		"header again":           {open + headerAMQP, "frame of 1095586128 bytes"},
		"header within SASL":     {headerSASL + aFrame(1, 0, "\x00\x53\x40\xc0\x01\x00") + headerAMQP, "frame of 1095586128 bytes"},
		"web server":             {"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak AMQP"},
		"endless message":        {open + strings.Repeat(aTransfer(3, true, 60<<10), 18), "more than 1048576 bytes"},
		"endless messages": {open + strings.Repeat(aTransfer(3, true, 60<<10)+aTransfer(4, true, 60<<10)+aTransfer(5, false, 1), 9),
			"more than 1048576 bytes"},
		"transfer of nothing": {open + aFrame(0, 1, "\x00\x53\x14\x45"), "transfer that is none"},
		"delivery-tag too long": {open + aFrame(0, 1, "\x00\x53\x14\xc0\xff\x06\x43\x43\xa0\xf0"+strings.Repeat("t", 240)+"\x43\x42\x41"),
			"transfer that is none"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 7, 4096, 1 << 20} {
				if piece == 1 && len(v.says) > 1<<16 {
					continue
				}
				f := newFraming(&source{b: strings.NewReader(v.says), piece: piece}, time.Minute)
				var got bytes.Buffer
				_, err := io.Copy(&got, f)
				switch {
				case v.want == "" && (err != nil || got.String() != v.says):
					t.Errorf("pieces of %d: %d bytes of %d: %v", piece, got.Len(), len(v.says), err)
				case v.want != "" && (err == nil || !strings.Contains(err.Error(), v.want) || f.fault() == nil):
					t.Errorf("pieces of %d: %v, want %q", piece, err, v.want)
				}
			}
		})
	}
}

// A frame whose bytes trickle in ends after four times the idle timeout, although
// each byte gives the library's read another one.
func TestTricklingFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		var writing sync.WaitGroup
		writing.Go(func() {
			for _, b := range []byte(headerAMQP + "\x00\x00\x10\x00\x02\x00\x00\x00" + strings.Repeat("x", 4000)) {
				if _, err := server.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(5 * time.Second)
			}
		})
		f := newFraming(client, time.Minute)
		began := time.Now()
		var err error
		for buf := make([]byte, 512); err == nil; {
			_ = f.SetReadDeadline(time.Now().Add(time.Minute))
			_, err = f.Read(buf)
		}
		var broken *framingError
		if took := time.Since(began); !errors.As(err, &broken) || took < 4*time.Minute || took > 5*time.Minute {
			t.Errorf("ended after %s: %v", took, err)
		}
		client.Close()
		writing.Wait()
	})
}
