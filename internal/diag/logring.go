package diag

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// RingBytes is how much of the log a LogRing holds by default.
const RingBytes = 256 << 10

// lineCost is what a line costs in memory beside its text.
const lineCost = 48

// LogRing keeps the end of the log in memory. It is an io.Writer that takes one
// record a call, as the handlers of slog write it, and never fails.
type LogRing struct {
	most int

	mu      sync.Mutex
	lines   []logLine // the oldest first
	bytes   int
	first   uint64        // number of lines[0]
	written chan struct{} // closed at the next line
}

type logLine struct {
	level slog.Level
	text  []byte // with its line end
}

// NewLogRing makes a ring of at most so many bytes.
func NewLogRing(most int) *LogRing { return &LogRing{most: most, written: make(chan struct{})} }

// Write keeps a line, and forgets the oldest for it.
func (r *LogRing) Write(line []byte) (int, error) {
	n := len(line)
	line = line[:min(n, r.most/4)]
	text := append(make([]byte, 0, len(line)+1), bytes.TrimRight(line, "\n")...)
	text = append(text, '\n')
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, logLine{levelOf(line), text})
	r.bytes += len(text) + lineCost
	for r.bytes > r.most {
		r.bytes -= len(r.lines[0].text) + lineCost
		r.lines[0].text = nil
		r.lines = r.lines[1:]
		r.first++
	}
	close(r.written)
	r.written = make(chan struct{})
	return n, nil
}

// levelOf reads the level out of a line of slog's text handler. What has none is
// shown at every level.
func levelOf(line []byte) slog.Level {
	_, rest, found := bytes.Cut(line, []byte("level="))
	var level slog.Level
	text, _, _ := strings.Cut(string(rest[:min(len(rest), 16)]), " ")
	if !found || level.UnmarshalText([]byte(text)) != nil {
		return slog.LevelError
	}
	return level
}

// last is the number of the line before which so many of a level stand.
func (r *LogRing) last(level slog.Level, n int) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := len(r.lines)
	for ; i > 0 && n > 0; i-- {
		if r.lines[i-1].level >= level {
			n--
		}
	}
	return r.first + uint64(i)
}

// from appends the lines of a level from number next on to b, as long as b is
// smaller than most. It tells which comes next, how many were forgotten before
// they were asked for, and what is closed when there are more.
func (r *LogRing) from(next uint64, level slog.Level, b *bytes.Buffer, most int) (now, forgotten uint64, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if next < r.first {
		next, forgotten = r.first, r.first-next
	}
	end := r.first + uint64(len(r.lines))
	for ; next < end && b.Len() < most; next++ {
		if l := r.lines[next-r.first]; l.level >= level {
			b.Write(l.text)
		}
	}
	if next < end {
		ready := make(chan struct{})
		close(ready)
		return next, forgotten, ready
	}
	return next, forgotten, r.written
}

// Tail returns what the ring holds, whole lines, at most so many bytes of its end.
func (r *LogRing) Tail(most int) []byte {
	var b bytes.Buffer
	r.from(0, slog.LevelDebug-100, &b, r.most)
	text := b.Bytes()
	if over := len(text) - most; over > 0 {
		_, text, _ = bytes.Cut(text[over:], []byte("\n"))
	}
	return text
}
