package uplink

import (
	"context"
	"log/slog"
	"time"
)

// judge books the end of an attempt and decides how long to wait, and whether
// that is for something an urgent record cannot hurry.
func (l *Link) judge(a asked, online time.Duration, err error) (wait time.Duration, patient bool) {
	d := diagnose(err, l.trust.Now())
	stable := online >= l.opts.StableAfter
	switch {
	case stable:
		l.retry.reset()
		l.refused = 0
		l.lost = time.Now()
	case d.cause != CauseNetwork, online > 0:
		l.lost = time.Time{}
	}
	if d.refused {
		l.refused++
	} else {
		l.refused = 0
	}
	if online > 0 && l.twice.ended(err, stable) && !d.twice {
		d.hint = hintShortLives
	}
	loud := d.refused
	switch {
	case l.trust.learn(err, a.id):
		d.hint = hintLearned
		loud = false
	case a.err != nil:
		wait = l.pollEvery()
	case d.twice:
		wait, loud = l.twice.robbed()
		patient = true
	case d.refused && l.refused > 1:
		wait = l.retry.slow(refusedFactor)
		patient = true
	case d.refused:
		wait = l.retry.next()
	case d.slow:
		wait = l.retry.slow(throttledFactor)
		patient = true
	case stable:
	case !l.lost.IsZero() && time.Since(l.lost) < quickFactor*l.opts.BackoffMin:
		wait = l.retry.quick()
	default:
		wait = l.retry.next()
	}
	if d.token {
		l.trust.doubt(true)
	}
	l.tell(err, d, wait, loud)
	l.book(a, err, d, wait)
	return wait, patient
}

// book puts the end of an attempt into the state.
func (l *Link) book(a asked, err error, d diagnosis, wait time.Duration) {
	now := time.Now()
	l.change(func(s *LinkState) {
		s.Phase, s.Since, s.NextAttempt = PhaseWaiting, now, now.Add(wait)
		if a.err != nil {
			s.Phase = PhaseNoIdentity
		}
		s.Failures++
		s.LastError, s.Cause, s.Hint = words(err), d.cause, d.hint
		s.Twice, s.TwiceAt = l.twice.count()
		s.Abandoned = int(l.yard.n.Load())
		for i := range s.Tenants {
			s.Tenants[i].Serving, s.Tenants[i].NextAttempt = false, time.Time{}
		}
	})
}

// tell logs a failure when it is not the one that was told before.
func (l *Link) tell(err error, d diagnosis, wait time.Duration, loud bool) {
	level := slog.LevelWarn
	if loud {
		level = slog.LevelError
	}
	if key := d.cause + ": " + words(err); key != l.told {
		l.told = key
	} else if !(d.twice && loud) {
		level = slog.LevelDebug
	}
	l.opts.Log.Log(context.Background(), level, "link is down", "cause", d.cause, "err", words(err), "hint", d.hint, "wait", wait)
}
