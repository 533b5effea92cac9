package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	logLines    = 256         // waiting lines, beyond which new ones are dropped
	logFarewell = time.Second // how long the end of the program waits for the rest to be read
)

// logWriter hands lines to a writer that may stop taking them: whoever reads the
// log must never be able to hold the agent up. What finds no room is dropped and
// counted.
type logWriter struct {
	to    io.Writer
	lines chan []byte
	done  chan struct{}

	mu      sync.Mutex
	dropped int
	closed  bool
}

// startLog returns a writer that goes on until Close.
func startLog(to io.Writer) *logWriter {
	w := &logWriter{to: to, lines: make(chan []byte, logLines), done: make(chan struct{})}
	go w.copy()
	return w
}

// Write never blocks and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return len(line), nil
	}
	select {
	case w.lines <- bytes.Clone(line):
	default:
		w.dropped++
	}
	return len(line), nil
}

func (w *logWriter) copy() {
	defer close(w.done)
	for line := range w.lines {
		_, _ = w.to.Write(line)
		w.mu.Lock()
		n := w.dropped
		w.dropped = 0
		w.mu.Unlock()
		if n > 0 {
			fmt.Fprintf(w.to, "%d log lines were dropped: nobody read them in time\n", n)
		}
	}
}

// Close waits a moment for what is still to be read. Closing twice is closing once.
func (w *logWriter) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.lines)
	}
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-time.After(logFarewell):
	}
	return nil
}
