package agent

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
	"fieldpost/internal/keep"
	"fieldpost/internal/pipe"
)

const (
	// stallFile is the name, in the state folder, of the note that a loop has stalled.
	stallFile = "stalled"
	// stallAgain is the least time between two such notes: a card wears out.
	stallAgain = 24 * time.Hour
)

// stall is what a note says.
type stall struct {
	Loops []string  `json:"loops"`
	Boot  string    `json:"boot"` // 32 hex digits
	At    time.Time `json:"at"`   // by the wall clock
}

// stallNote keeps, over a reset, which loop it was that did not come round. The disk
// may be what hangs, so nobody waits for the note.
type stallNote struct {
	path  string
	clock clock.Clock
	log   *slog.Logger

	kept time.Time      // when a note was written last; the watchdog's own, as is held
	held bool           // there is one of this run
	last sync.WaitGroup // the changes under way
	file sync.Mutex     // held by one of them
}

func newStallNote(stateDir string, c clock.Clock, log *slog.Logger) *stallNote {
	return &stallNote{path: filepath.Join(stateDir, stallFile), clock: c, log: log.With("part", "watchdog")}
}

// keep writes the note, unless there is one or was one not long ago.
func (n *stallNote) keep(loops []string) {
	if n.held || !n.kept.IsZero() && time.Since(n.kept) < stallAgain {
		return
	}
	n.held, n.kept = true, time.Now()
	at := n.clock.Now()
	text, _ := json.Marshal(stall{loops, hex.EncodeToString(at.Boot[:]), at.Wall}) // texts, numbers and a time only: it cannot fail
	n.change(func() error { return keep.Replace(n.path, text, true) })
}

// drop takes the note of this run back: the loops came round again, or the agent has
// ended in order.
func (n *stallNote) drop() {
	if n.held {
		n.held = false
		n.change(func() error { return os.Remove(n.path) })
	}
}

func (n *stallNote) change(f func() error) {
	n.last.Go(func() {
		n.file.Lock()
		defer n.file.Unlock()
		if err := f(); err != nil {
			n.log.Warn("note of a stalled loop", "err", err)
		}
	})
}

// read returns what the run before has left; nil when that is nothing.
func (n *stallNote) read() *diag.Stall {
	text, err := keep.Read(n.path)
	if err != nil {
		return nil
	}
	var s stall
	_ = json.Unmarshal(text, &s) // of a damaged one less is told
	now := n.clock.Now()
	return &diag.Stall{Loops: s.Loops, At: s.At, Reset: s.Boot != hex.EncodeToString(now.Boot[:])}
}

// recall tells, and queues as an event, that the run before this one has ended while
// a loop was stalled. The note goes when the event is on disk.
func (a *Agent) recall(ctx context.Context) error {
	s := a.lastStall.Load()
	if s == nil {
		return nil
	}
	ended := "the agent was killed"
	if s.Reset {
		ended = "the board was reset"
	}
	a.parts.Log.Error("the run before this one had a stalled loop", "loops", s.Loops, "at", s.At, "ended", ended)
	record, err := pipe.Event("loop-stalled", a.started, map[string]any{"loops": s.Loops, "ended": ended})
	if err != nil {
		return nil
	}
	ticket, err := a.enqueue(ctx, record)
	if err == nil {
		err = ticket.Durable(ctx)
	}
	if err == nil {
		_ = os.Remove(filepath.Join(a.cfg.Agent.StateDir, stallFile))
	}
	return nil
}
