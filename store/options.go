package store

import (
	"log/slog"
	"time"

	"fieldpost/internal/clock"
)

// Options is what New needs. Every zero field takes its default.
type Options struct {
	Dir         string            // folder of queue.db and identity, made if missing; no default
	Preset      string            // what the disk is: "sd", "emmc" or "ssd": a commit every 30, 10 or 5 s and 200 MiB, 1 GiB or 10 GiB a day; default "sd"
	MaxBytes    int64             // records and dead letters kept on disk, as stored; default 64 MiB or a quarter of what is free, bytes
	Reserve     int64             // of MaxBytes, what telemetry leaves to alarms, results and the journal; default 1 MiB or an eighth of MaxBytes, bytes
	Headroom    int64             // free space left on the file system, by all but the reserve; default 16 MiB, bytes
	MaxAge      time.Duration     // telemetry older than this in powered time is lost; default 0: no limit
	Overflow    [Classes]Overflow // what happens to a class when there is no room on disk; default DropOldest
	KeepOneIn   int               // of how many records ThinOut keeps one; default 4, records
	DailyWrites int64             // estimated writes to the disk a day before CommitEvery is stretched; default by Preset, bytes
	CommitEvery time.Duration     // telemetry is on disk after at most this; default by Preset
	CommitBytes int               // buffered bytes that force a commit earlier; default 64 KiB, bytes
	MaxMemory   int               // records kept in memory, leased ones included; default 8 MiB, bytes
	MaxRecord   int               // largest record as stored; default 200 KiB, bytes
	JournalSize int               // finished commands remembered; default 1000, entries
	JournalAge  time.Duration     // finished commands older than this in powered time are forgotten; default 168 h
	DeadMax     int               // dead letters kept; default 1000, records
	NoSync      bool              // never sync any file: for tests of logic only, a power cut loses all; default false
	Clock       clock.Clock       // where stamps come from; default the wall clock, believed plausible
	OnCommit    func()            // told on the committer's goroutine that it goes to work on the file, which waits meanwhile; default nobody
	Log         *slog.Logger      // default discards
}

// maxRecord is the largest MaxRecord.
const maxRecord = 8 << 20

// Overflow says what happens to a class when there is no room on disk. Every
// record that goes, or is not taken, is counted.
type Overflow byte

const (
	DropOldest Overflow = iota // the oldest goes
	ThinOut                    // the oldest are thinned, one in Options.KeepOneIn stays
	Refuse                     // Append takes no more
)

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = autoBytes
	}
	o.MaxBytes = min(o.MaxBytes, maxLogical)
	if o.Headroom <= 0 {
		o.Headroom = 16 << 20
	}
	o.Reserve = min(o.Reserve, o.MaxBytes/2)
	if o.KeepOneIn <= 1 {
		o.KeepOneIn = 4
	}
	p, ok := presets[o.Preset]
	if !ok {
		p = presets["sd"]
	}
	if o.CommitEvery <= 0 {
		o.CommitEvery = p.every
	}
	if o.DailyWrites <= 0 {
		o.DailyWrites = p.budget
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
	o.MaxRecord = min(o.MaxRecord, maxRecord)
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
