package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldpost/c2d"
)

// errMadeSafe is the end of a pulse that the loss of the link has ended.
var errMadeSafe = errors.New("the output was set to its safe level before the pulse ended, because there was no link")

// safeRetry is the time between two attempts to set an output to its safe level.
const safeRetry = 5 * time.Second

// interlock says why an output may not be set to on now: a *c2d.BusyError for
// what passes by itself, a *c2d.RejectError for what does not. The caller holds mu.
func (o *outputs) interlock(out *output, on bool) error {
	if on == out.on {
		return nil
	}
	least, state := out.cfg.MinOff, "off"
	if out.on {
		least, state = out.cfg.MinOn, "on"
	}
	if left := least - time.Since(out.since); left > 0 {
		return &c2d.BusyError{Reason: fmt.Sprintf("output %s stays %s for at least %v, for %v more",
			out.cfg.Name, state, least, left.Round(10*time.Millisecond))}
	}
	return o.alone(out, on)
}

// alone holds a group to one output that is on. The caller holds mu.
func (o *outputs) alone(out *output, on bool) error {
	if !on || out.cfg.Group == "" {
		return nil
	}
	for _, other := range o.all {
		if other != out && other.on && other.cfg.Group == out.cfg.Group {
			return &c2d.RejectError{Condition: c2d.ConditionInterlock,
				Reason: fmt.Sprintf("output %s is on, and at most one of group %s may be", other.cfg.Name, out.cfg.Group)}
		}
	}
	return nil
}

// ready asks the interlocks without setting anything. An output that does not
// exist is the decoder's to reject.
func (o *outputs) ready(name string, level func(now bool) bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, err := o.find(name)
	if err != nil {
		return nil
	}
	return o.interlock(out, level(out.on))
}

// target is the name of what commands for an output have to take turns for.
func (o *outputs) target(name string) string {
	if group := o.config(name).Group; group != "" {
		return "outputs:" + group
	}
	return "output:" + name
}

// link tells whether there is a link to the hub.
func (o *outputs) link(up bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case up:
		o.down, o.stuck = time.Time{}, ""
	case o.down.IsZero():
		o.down = time.Now()
		for _, out := range o.all {
			out.safe = false
		}
	default:
		return
	}
	select {
	case o.moved <- struct{}{}:
	default: // run has not yet taken the last notice and sees this change with it
	}
}

// run sets outputs to their safe level when the link has been down for as long as
// each of them bears. It returns nil when ctx ends.
func (o *outputs) run(ctx context.Context) error {
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.moved:
		case <-look.C:
		}
		look.Stop()
		if next := o.guard(); next > 0 {
			look.Reset(next)
		}
	}
}

// overdue says that an output should be at its safe level by now. The caller holds
// mu.
func (o *outputs) overdue(out *output) bool {
	return !o.down.IsZero() && out.cfg.SafeAfter > 0 && !out.safe && time.Since(o.down) >= out.cfg.SafeAfter
}

// guard sets what is due to its safe level, once per loss of the link, and returns
// when to look again; 0 = when the link moves. It takes the lines that could not be had.
func (o *outputs) guard() (next time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	next = o.take()
	var due []*output
	for _, out := range o.all {
		switch {
		case o.overdue(out):
			due, next = append(due, out), min(next, safeRetry)
		case !o.down.IsZero() && out.cfg.SafeAfter > 0 && !out.safe:
			next = min(next, out.cfg.SafeAfter-time.Since(o.down))
		}
	}
	if len(due) == 0 {
		return next
	}
	err := o.toSafe(due)
	switch {
	case err == nil:
		o.stuck = ""
		o.log.Warn("no link: outputs were set to their safe level", "down_for", time.Since(o.down).Round(time.Second), "outputs", len(due))
	case err.Error() != o.stuck:
		o.stuck = err.Error()
		o.log.Error("no link: output not set to its safe level, trying again", "down_for", time.Since(o.down).Round(time.Second), "every", safeRetry, "err", err)
	}
	return next
}

// toSafe sets outputs to their safe level: first those that go off, so that no two
// of a group are on. The caller holds mu.
func (o *outputs) toSafe(list []*output) error {
	var errs []error
	for _, level := range []bool{false, true} {
		for _, out := range list {
			if out.cfg.Safe != level {
				continue
			}
			err := o.alone(out, level)
			if err == nil {
				err = o.drive(out, level)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("set output %s to its safe level: %w", out.cfg.Name, err))
				continue
			}
			out.safe, out.pulse = true, false
		}
	}
	return errors.Join(errs...)
}
