package store

import (
	"log/slog"
	"time"

	"fieldpost/internal/clock"
)

// Options is what New needs. Every zero field takes its default.
type Options struct {
	Dir         string        // folder of queue.db and identity, made if missing; no default
	MaxBytes    int64         // records and dead letters kept on disk; default 64 MiB, bytes
	CommitEvery time.Duration // telemetry is on disk after at most this; default 5 s
	CommitBytes int           // buffered bytes that force a commit earlier; default 64 KiB, bytes
	MaxMemory   int           // records kept in memory, leased ones included; default 8 MiB, bytes
	MaxRecord   int           // largest record as stored; default 200 KiB, bytes
	JournalSize int           // finished commands remembered; default 1000, entries
	JournalAge  time.Duration // finished commands older than this are forgotten; default 168 h
	DeadMax     int           // dead letters kept; default 1000, records
	NoSync      bool          // never sync any file: for tests of logic only, a power cut loses all; default false
	Clock       clock.Clock   // where stamps come from; default the wall clock, believed plausible
	Log         *slog.Logger  // default discards
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	o.MaxBytes = min(o.MaxBytes, maxLogical)
	if o.CommitEvery <= 0 {
		o.CommitEvery = 5 * time.Second
	}
	if o.CommitBytes <= 0 {
		o.CommitBytes = 64 << 10
	}
	if o.MaxMemory <= 0 {
		o.MaxMemory = 8 << 20
	}
	if o.MaxRecord <= 0 {
		o.MaxRecord = 200 << 10
	}
	if o.JournalSize <= 0 {
		o.JournalSize = 1000
	}
	if o.JournalAge <= 0 {
		o.JournalAge = 7 * 24 * time.Hour
	}
	if o.DeadMax <= 0 {
		o.DeadMax = 1000
	}
	if o.Clock == nil {
		o.Clock = wallClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// wallClock stamps with the wall clock alone: no boot is known.
type wallClock struct{}

func (wallClock) Now() clock.Stamp {
	return clock.Stamp{Wall: time.Now().UTC(), Trust: clock.TrustPlausible}
}
