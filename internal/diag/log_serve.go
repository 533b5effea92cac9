package diag

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"time"

	"fieldpost/internal/http1"
)

const textKind = "text/plain; charset=utf-8"

// MaxLines is the most lines of the log that may be asked for.
const MaxLines = 1000000

// defaultLines is how many lines of the log there are when nobody says.
const defaultLines = 100

// logRequest is what GET /v1/log asks for.
type logRequest struct {
	lines  int
	level  slog.Level
	follow bool
}

// log answers with the end of the log as text, and goes on when it is followed. A
// reader that is overtaken by the ring is told how many lines it has missed.
func (s *Server) log() func(context.Context, request, *http1.Answer) error {
	ring := s.o.Provider.Log
	if ring == nil {
		return nil
	}
	return func(ctx context.Context, r request, w *http1.Answer) error {
		want, err := logOf(r)
		if err != nil {
			return err
		}
		if want.follow {
			leave, err := s.joinStreams()
			if err != nil {
				return err
			}
			defer leave()
		}
		c := &chunks{w: w, within: s.o.StallWithin, kind: textKind}
		beat := time.NewTicker(s.o.Heartbeat)
		defer beat.Stop()
		var b bytes.Buffer
		next := ring.last(want.level, want.lines)
		for {
			now, forgotten, more := ring.from(next, want.level, &b, chunkBytes)
			next = now
			if forgotten > 0 {
				fmt.Fprintf(&b, "level=WARN msg=\"log lines were missed: read it faster\" lines=%d\n", forgotten)
			}
			if b.Len() > 0 || !c.begun {
				if _, err := c.Write(b.Bytes()); err != nil {
					return nil // the reader has gone
				}
				b.Reset()
			}
			select {
			case <-more:
				continue
			default:
			}
			if !want.follow {
				return nil
			}
			select {
			case <-ctx.Done():
				return nil
			case <-beat.C:
				b.WriteByte('\n')
			case <-more:
			}
		}
	}
}

func logOf(r request) (logRequest, error) {
	want := logRequest{lines: defaultLines, level: slog.LevelDebug}
	if text := r.query.Get("lines"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > MaxLines {
			return want, badRequest(fmt.Sprintf("lines is %q", clean(text)), fmt.Sprintf("a number from 0 to %d", MaxLines))
		}
		want.lines = n
	}
	if text := r.query.Get("level"); text != "" {
		if err := want.level.UnmarshalText([]byte(text)); err != nil {
			return want, badRequest(fmt.Sprintf("no level %q", clean(text)), "debug, info, warn or error")
		}
	}
	switch text := r.query.Get("follow"); text {
	case "", "0":
	case "1":
		want.follow = true
	default:
		return want, badRequest(fmt.Sprintf("follow is %q", clean(text)), "1, or leave it out")
	}
	return want, nil
}

// LogQuery is what a client wants of the log.
type LogQuery struct {
	Lines  int    // that were written before, at most
	Level  string // least level: debug, info, warn, error; empty = all that there is
	Follow bool   // go on with what is written from now on
}

// Log has lines of the log taken, without their ends. Following it ends as Events
// does.
func (c *Client) Log(ctx context.Context, q LogQuery, opened func(), take func(line []byte) error) error {
	values := url.Values{"lines": {strconv.Itoa(q.Lines)}}
	if q.Level != "" {
		values.Set("level", q.Level)
	}
	if q.Follow {
		values.Set("follow", "1")
	}
	return c.lines(ctx, "/v1/log?"+values.Encode(), q.Follow, opened, func(line []byte) error {
		if len(line) == 0 {
			return nil // a sign of life
		}
		if err := take(line); err != nil {
			return &TakeError{err}
		}
		return nil
	})
}
