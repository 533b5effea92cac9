package agent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fieldpost/board"
	"fieldpost/internal/diag"
)

const (
	dogRetry = 30 * time.Second // between two attempts to open a watchdog
	dogLook  = 5 * time.Second  // between two looks at the loops, at most
	dogTurns = 3                // looks within the time that a watchdog waits
)

// vital is a loop without which the agent is of no use.
type vital struct {
	name string // "sampling on i2c1"
	part string // of the chain
	late func() time.Duration
}

// vitals lists the loops whose progress is what the watchdogs are fed for.
func (a *Agent) vitals() (all []vital) {
	for _, s := range a.sampling {
		first := s.States()[0]
		name := "sampling of " + first.Sensor
		if first.Bus != "" {
			name = "sampling on " + first.Bus
		}
		all = append(all, vital{name, "sensors", s.Late})
	}
	return append(all, vital{"committing", "store", a.store.Late}, vital{"the link", "network", a.link.Late})
}

// watchdog looks after the vital loops, and feeds the supervisor and a device of the
// board as long as all of them come round. It goes by nothing that a loop may hold.
type watchdog struct {
	vitals []vital
	after  time.Duration // how late a loop may be
	device string        // "" = none
	open   func() (board.Watchdog, error)
	notify *board.Notifier
	note   *stallNote
	log    *slog.Logger

	dog    board.Watchdog // run's own, as is tried
	tried  time.Time      // when opening it was
	unsent bool           // the supervisor was not told; run's own

	mu    sync.Mutex
	late  []time.Duration // of each vital; 0 = in time, or not late enough to tell of
	fault error           // of the device
	waits time.Duration   // what the device does; 0 = it is not open
}

func (a *Agent) newWatchdog() *watchdog {
	c := a.cfg.Board
	return &watchdog{
		vitals: a.vitals(),
		late:   make([]time.Duration, len(a.sampling)+2),
		after:  c.StallAfter,
		device: c.Watchdog,
		open:   func() (board.Watchdog, error) { return a.parts.Dogs.Watchdog(c.Watchdog, c.WatchdogTimeout) },
		notify: a.parts.Notify,
		note:   newStallNote(a.cfg.Agent.StateDir, a.parts.Clock, a.parts.Log),
		log:    a.parts.Log.With("part", "watchdog"),
	}
}

// run looks and feeds until ctx ends, and stops the device then.
func (w *watchdog) run(ctx context.Context) error {
	for {
		if w.look() {
			w.feed()
		}
		select {
		case <-ctx.Done():
			w.note.drop()
			w.note.last.Wait()
			if w.dog != nil {
				if err := w.dog.Stop(); err != nil {
					w.log.Error("watchdog not stopped: it resets the board", "err", err)
				}
			}
			return nil
		case <-time.After(w.every()):
		}
	}
}

// every is the time between two looks.
func (w *watchdog) every() time.Duration {
	least := dogLook
	if d := w.notify.Timeout() / dogTurns; d > 0 {
		least = min(least, d)
	}
	if w.dog != nil {
		least = min(least, w.dog.Timeout()/dogTurns)
	}
	return max(least, 100*time.Millisecond)
}

// look reports whether every loop comes round. It tells of one that is late at
// half the time, and keeps a note of one that has stalled for the next start.
func (w *watchdog) look() (alive bool) {
	var stalled []string
	for i, v := range w.vitals {
		late := v.late()
		w.mu.Lock()
		was := w.late[i]
		if late < w.after/2 {
			late = 0
		}
		w.late[i] = late
		w.mu.Unlock()
		if late >= w.after {
			stalled = append(stalled, v.name)
		}
		switch {
		case late >= w.after && was < w.after:
			w.log.Error("loop has stalled: the watchdogs are fed no more", "loop", v.name, "late", late)
		case late > 0 && was == 0:
			w.log.Warn("loop is late", "loop", v.name, "late", late, "stalled_at", w.after)
		case late == 0 && was > 0:
			w.log.Info("loop comes round again", "loop", v.name)
		}
	}
	if len(stalled) > 0 {
		w.note.keep(stalled)
	} else {
		w.note.drop()
	}
	return len(stalled) == 0
}

// feed feeds who wants to be fed.
func (w *watchdog) feed() {
	if w.notify.Timeout() > 0 {
		err := w.notify.Send(board.NotifyAlive)
		if err != nil && !w.unsent {
			w.log.Warn("supervisor's watchdog not fed", "err", err)
		}
		w.unsent = err != nil
	}
	if w.device == "" {
		return
	}
	err := w.feedDevice()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && (w.fault == nil || w.fault.Error() != err.Error()) {
		w.log.Warn("watchdog", "err", err, "hint", diag.Hint(err))
	}
	w.fault, w.waits = err, 0
	if w.dog != nil {
		w.waits = w.dog.Timeout()
	}
}

// feedDevice opens the device when it is time to, and feeds it.
func (w *watchdog) feedDevice() error {
	if w.dog == nil {
		if !w.tried.IsZero() && time.Since(w.tried) < dogRetry {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.fault
		}
		w.tried = time.Now()
		dog, err := w.open()
		if err != nil {
			return err
		}
		w.dog = dog
		w.log.Info("watchdog watches", "device", w.device, "timeout", dog.Timeout())
	}
	return errors.Join(w.dog.Feed(), w.dog.Fault())
}

// shown is what status tells of the watchdogs.
func (w *watchdog) shown() (d diag.Watchdog) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d = diag.Watchdog{Device: w.device, TimeoutS: w.waits.Seconds(), SupervisorS: w.notify.Timeout().Seconds(), StallAfterS: w.after.Seconds()}
	if w.fault != nil {
		d.Fault, d.Hint = w.fault.Error(), diag.Hint(w.fault)
	}
	for i, late := range w.late {
		if late > 0 {
			d.Late = append(d.Late, diag.Late{Loop: w.vitals[i].name, LateS: late.Seconds(), Stalled: late >= w.after})
		}
	}
	return d
}

// blame makes the parts whose loops are late the broken ones.
func (w *watchdog) blame(parts []diag.Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, late := range w.late {
		at := slices.IndexFunc(parts, func(p diag.Part) bool { return p.Part == w.vitals[i].part })
		if late == 0 || at < 0 {
			continue
		}
		parts[at].State, parts[at].Reason = diag.Broken, w.vitals[i].name+" has not come round for "+diag.Span(late.Round(time.Second))
		parts[at].Hint = "see the log; with a watchdog the agent or the board starts anew when that is more than " + diag.Span(w.after)
	}
}
