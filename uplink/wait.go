package uplink

import (
	"context"
	"time"

	"fieldpost/internal/clock"
)

// hurryFactor is how many BackoffMin lie between two waits that an urgent record
// cuts short.
const hurryFactor = 60

// pollEvery is how often a waiting link looks whether what it lacks has come.
func (l *Link) pollEvery() time.Duration { return 5 * l.opts.BackoffMin }

// wait returns after d, or earlier when the identity has changed or the clock was
// set: then the reason for the last failure may be gone. An urgent record ends it
// too, now and then, unless the wait is a patient one.
func (l *Link) wait(ctx context.Context, last asked, d time.Duration, patient bool) {
	if d <= 0 { // nothing to cut short
		return
	}
	end := time.NewTimer(d)
	defer end.Stop()
	poll := time.NewTicker(l.pollEvery())
	defer poll.Stop()
	due := time.NewTimer(time.Until(l.hurried.Add(hurryFactor * l.opts.BackoffMin)))
	defer due.Stop()
	mayHurry := false
	for {
		if l.hurry && mayHurry && !patient {
			l.hurry, l.hurried = false, time.Now()
			return
		}
		l.pulse.Rest(time.Now().Add(l.pollEvery()))
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-l.opts.Urgent:
			l.hurry = true
		case <-due.C:
			mayHurry = true
		case <-poll.C:
			if now := l.ask(ctx); l.changed(last, now) {
				l.refused = 0
				l.trust.doubt(false)
				return
			}
		}
	}
}

func (l *Link) changed(last, now asked) bool {
	if clockStepped(last.stamp, now.stamp) {
		return true
	}
	return now.err == nil && (last.err != nil || !last.id.equal(now.id))
}

// awaitClock waits for a clock that is vouched for, but no longer than ClockWait
// after boot: a gateway without NTP is served too, only with more doubt.
func (l *Link) awaitClock(ctx context.Context) {
	waiting := false
	for ctx.Err() == nil {
		now := l.opts.Clock.Now()
		l.pulse.Beat()
		left := l.opts.ClockWait - now.BootTime
		if now.Trust == clock.TrustSynced || left <= 0 {
			return
		}
		if !waiting {
			waiting = true
			l.enter(PhaseClock)
			l.opts.Log.Info("waiting for the clock to be set", "at_most", left)
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(left, time.Second)):
		}
	}
}
