package http1

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"time"
)

// answerBytes is what of an answer is collected before it is sent. One that is
// shorter goes in one piece, with its length.
const answerBytes = 32 << 10

// ErrAborted is what writing gives after Abort.
var ErrAborted = errors.New("the answer was broken off")

// Answer is what a handler says. It is sent when the handler returns, or as it
// becomes too long, or with Flush; then in chunks.
type Answer struct {
	Trailer Header // sent behind an answer in chunks; name its fields in the header's Trailer before

	conn   net.Conn
	old    bool // HTTP/1.0 knows no chunks: the end of the connection is the end of the answer
	bare   bool // without a body, as HEAD wants it
	header Header
	status int
	body   bytes.Buffer // not sent yet
	begun  bool         // the head was sent
	err    error
}

// Header returns what is sent before the body; it is read when the answer begins.
func (a *Answer) Header() Header { return a.header }

// WriteHeader sets the status, 200 without it. Only the first call counts.
func (a *Answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write adds to the body.
func (a *Answer) Write(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	a.body.Write(p)
	if a.body.Len() >= answerBytes {
		if err := a.Flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Flush sends what was written so far.
func (a *Answer) Flush() error {
	var b bytes.Buffer
	if !a.begun {
		if !a.old {
			a.header.Set("Transfer-Encoding", "chunked")
		}
		a.begin(&b)
	}
	if a.body.Len() > 0 && !a.bare {
		if a.old {
			b.Write(a.body.Bytes())
		} else {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", a.body.Len(), a.body.Bytes())
		}
	}
	a.body.Reset()
	return a.send(&b)
}

// SetWriteDeadline says until when what is written must be taken.
func (a *Answer) SetWriteDeadline(t time.Time) error { return a.conn.SetWriteDeadline(t) }

// Abort ends the connection so that what was sent is no whole answer.
func (a *Answer) Abort() { a.err = ErrAborted }

// begin writes the head.
func (a *Answer) begin(b *bytes.Buffer) {
	a.begun = true
	a.WriteHeader(StatusOK)
	a.header.Set("Connection", "close")
	fmt.Fprintf(b, "HTTP/1.1 %d %s\r\n", a.status, StatusText(a.status))
	writeHeader(b, a.header)
	b.WriteString("\r\n")
}

// finish sends the rest.
func (a *Answer) finish() {
	var b bytes.Buffer
	switch {
	case !a.begun:
		a.header.Set("Content-Length", fmt.Sprint(a.body.Len()))
		a.begin(&b)
		if !a.bare {
			b.Write(a.body.Bytes())
		}
	case a.bare || a.old:
		_ = a.Flush()
	default:
		_ = a.Flush()
		b.WriteString("0\r\n")
		writeHeader(&b, a.Trailer)
		b.WriteString("\r\n")
	}
	_ = a.send(&b)
}

func (a *Answer) send(b *bytes.Buffer) error {
	if a.err == nil {
		_, a.err = a.conn.Write(b.Bytes())
	}
	return a.err
}
