package diag

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"time"

	"fieldpost/internal/http1"
)

// problemTrailer follows an export that ended early; its value is a Problem as
// JSON. The lines alone cannot tell: each of them is whole.
const problemTrailer = "Problem"

// slowReader is the next move of somebody who did not take an export in time.
const slowReader = "read it faster: into a file, not a terminal"

// chunkBytes is what an export collects before it is written.
const chunkBytes = 32 << 10

// export streams the queue. What it holds in memory is one chunk and one record.
// A reader that does not take a chunk in time is cut off, so that it does not
// keep its connection; one export at a time, so that they do not take all of them.
func (s *Server) export() func(context.Context, request, *http1.Answer) error {
	records := s.o.Provider.Export
	if records == nil {
		return nil
	}
	return func(ctx context.Context, _ request, w *http1.Answer) error {
		select {
		case s.exporting <- struct{}{}:
		default:
			return refusal(http1.StatusServiceUnavailable, "another export is under way", "wait until it has ended")
		}
		defer func() { <-s.exporting }()
		ctx, cancel := context.WithTimeout(ctx, s.o.ExportWithin)
		defer cancel()
		c := &chunks{w: w, within: s.o.ChunkWithin, kind: "application/x-ndjson"}
		lines := bufio.NewWriterSize(c, chunkBytes)
		encoder := json.NewEncoder(lines)
		err := records(ctx, func(r Record) error { return encoder.Encode(r) })
		switch {
		case err != nil && !c.begun:
			return err
		case err == nil:
			err = lines.Flush()
		}
		if !c.begun {
			c.begin()
		}
		c.end(err)
		return nil
	}
}

// chunks writes the body of an answer that is streamed.
type chunks struct {
	w      *http1.Answer
	within time.Duration
	kind   string // of the content
	begun  bool
	failed bool // the reader is gone
}

func (c *chunks) begin() {
	c.begun = true
	c.w.Header().Set("Content-Type", c.kind)
	c.w.Header().Set("Trailer", problemTrailer)
	c.w.WriteHeader(http1.StatusOK)
}

// Write gives one chunk to the reader, who has its own time for it.
func (c *chunks) Write(b []byte) (int, error) {
	if !c.begun {
		c.begin()
	}
	err := c.w.SetWriteDeadline(time.Now().Add(c.within))
	n := 0
	if err == nil {
		n, err = c.w.Write(b)
	}
	if err == nil {
		err = c.w.Flush()
	}
	c.failed = c.failed || err != nil
	return n, err
}

// end says how the export ended. When nobody hears it any more the connection is
// broken off, so that what is behind it is no whole answer either.
func (c *chunks) end(err error) {
	if c.failed || c.w.SetWriteDeadline(time.Now().Add(c.within)) != nil {
		c.w.Abort()
		return
	}
	if err == nil {
		return
	}
	_, problem := problemOf(err)
	if errors.Is(err, context.DeadlineExceeded) {
		problem = Problem{"the export took too long and is not whole", slowReader}
	}
	// A trailer is short, and one line.
	problem = Problem{clean(problem.Message), clean(problem.Hint)}
	text, _ := json.Marshal(problem) // two texts are always JSON
	c.w.Trailer = http1.Header{problemTrailer: {string(text)}}
}
