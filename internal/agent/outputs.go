package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fieldpost/board"
	"fieldpost/internal/config"
)

// takeRetry is the time between two attempts to take lines that cannot be had.
const takeRetry = 30 * time.Second

// outputs holds the configured outputs. One that cannot be had at start, or whose
// line is gone, is tried again at each use, and by run: a line may appear with its
// expander, or late in the boot of the board.
// What an output is set to is known here alone; a line is never asked.
type outputs struct {
	lines board.Lines
	log   *slog.Logger
	moved chan struct{} // has one when the link went up or down

	mu     sync.Mutex
	all    []*output // as configured
	down   time.Time // since when there is no link; zero while there is one
	tried  time.Time // when run tried last to take what is not there
	stuck  string    // why outputs are not at their safe level although it is time; empty = nothing to tell
	closed bool
}

// output is one output. Its fields are guarded by outputs.mu.
type output struct {
	cfg   config.Output
	line  board.Output // nil while it cannot be had
	err   error        // why, or why it could not be set
	on    bool         // as set last
	since time.Time    // when it was, or the agent started
	safe  bool         // was set to its safe level since the link went down
	pulse bool         // is switched for a while, and to be switched back
}

func newOutputs(lines board.Lines, cfg []config.Output, log *slog.Logger) *outputs {
	o := &outputs{lines: lines, log: log, moved: make(chan struct{}, 1)}
	for _, c := range cfg {
		o.all = append(o.all, &output{cfg: c})
	}
	return o
}

// start takes every line with its initial level, as far as it can be had.
func (o *outputs) start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = time.Now()
	o.tried = o.down
	for _, out := range o.all {
		out.on, out.since = out.cfg.Initial, o.down
		if err := o.drive(out, out.cfg.Initial); err != nil {
			o.log.Warn("output not available", "output", out.cfg.Name, "line", out.cfg.Line, "err", err)
		}
	}
}

// drive sets the line of an output, taking it first when that is needed. The
// caller holds mu.
func (o *outputs) drive(out *output, on bool) error {
	if o.closed {
		return fmt.Errorf("output %s: %w", out.cfg.Name, board.ErrClosed)
	}
	if out.line != nil {
		err := out.line.Set(on)
		if err == nil {
			out.done(on)
			return nil
		}
		if !errors.Is(err, board.ErrGone) && !errors.Is(err, board.ErrIO) {
			out.err = err
			return fmt.Errorf("output %s: %w", out.cfg.Name, err)
		}
		_ = out.line.Close() // it is gone: the error of the request that follows tells more
		out.line = nil
	}
	line, err := o.lines.Output(out.cfg.Name, out.cfg.Line, on)
	if err != nil {
		out.err = err
		return fmt.Errorf("output %s: %w", out.cfg.Name, err)
	}
	out.line = line
	out.done(on)
	return nil
}

// take takes the lines that cannot be had, each with the level that its output has
// otherwise, when it is time to, and returns when to look again; 0 = there are no
// outputs. The caller holds mu.
func (o *outputs) take() (next time.Duration) {
	if len(o.all) == 0 {
		return 0
	}
	if left := takeRetry - time.Since(o.tried); left > 0 {
		return left
	}
	o.tried = time.Now()
	for _, out := range o.all {
		if out.line == nil && !o.overdue(out) && o.drive(out, out.on) == nil {
			o.log.Info("output available", "output", out.cfg.Name, "line", out.cfg.Line, "on", out.on)
		}
	}
	return takeRetry
}

func (out *output) done(on bool) {
	out.err = nil
	if out.on != on {
		out.on, out.since = on, time.Now()
	}
}

// find returns the output of that name. The caller holds mu.
func (o *outputs) find(name string) (*output, error) {
	i := slices.IndexFunc(o.all, func(out *output) bool { return out.cfg.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no output %q", name)
	}
	return o.all[i], nil
}

// set switches an output to the level that it is to have by the one it has, if its
// interlocks let it, and returns both.
func (o *outputs) set(name string, level func(now bool) bool) (was, on bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, err := o.find(name)
	if err != nil {
		return false, false, err
	}
	was, on = out.on, level(out.on)
	if err := o.interlock(out, on); err != nil {
		return was, on, err
	}
	return was, on, o.drive(out, on)
}

// pulse switches an output for a while, if its interlocks let it.
func (o *outputs) pulse(name string, on bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, err := o.find(name)
	if err != nil {
		return err
	}
	if err := o.interlock(out, on); err != nil {
		return err
	}
	if err := o.drive(out, on); err != nil {
		return err
	}
	out.pulse = true
	return nil
}

// restore ends a pulse, whatever the least times say. An output that was set to
// its safe level meanwhile stays there.
func (o *outputs) restore(name string, on bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, err := o.find(name)
	if err != nil {
		return err
	}
	if !out.pulse {
		return errMadeSafe
	}
	if err := o.alone(out, on); err != nil {
		return err
	}
	if err := o.drive(out, on); err != nil {
		return err
	}
	out.pulse = false
	return nil
}

// level tells what an output was set to, and whether it is there.
func (o *outputs) level(name string) (on, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, err := o.find(name)
	if err != nil {
		return false, false
	}
	return out.on, out.line != nil
}

// config returns how an output is configured; the zero value when there is none.
func (o *outputs) config(name string) config.Output {
	o.mu.Lock()
	defer o.mu.Unlock()
	if out, err := o.find(name); err == nil {
		return out.cfg
	}
	return config.Output{}
}

// stop sets every output to its safe level and lets go of its line.
func (o *outputs) stop() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var held []*output
	for _, out := range o.all {
		if out.line != nil {
			held = append(held, out)
		}
	}
	errs := []error{o.toSafe(held)}
	for _, out := range held {
		if out.line == nil {
			continue
		}
		if err := out.line.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close output %s: %w", out.cfg.Name, err))
		}
		out.line = nil
	}
	o.closed = true
	return errors.Join(errs...)
}

// missing returns the first output that cannot be had or set, and why.
func (o *outputs) missing() (name string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, out := range o.all {
		if out.err != nil {
			return out.cfg.Name, out.err
		}
	}
	return "", nil
}
