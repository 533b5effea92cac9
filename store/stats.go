package store

import (
	"maps"
	"time"

	"fieldpost/internal/clock"
)

// Stats is the state of the store at one instant.
type Stats struct {
	Store         [8]byte // identity of this state folder; zero before Run knows it
	Epoch         uint32  // of this start
	IdentityReset string  // why the identity was drawn anew, or empty
	IdentityHint  string  // the next move about that when it is one of rights, or empty

	Ready   bool   // the file is open; before that, and when it cannot be, records are in memory only
	Opening string // what opening waits for or why it failed; empty when Ready

	PerClass     [Classes]ClassStats
	LostByReason map[string]uint64 // by the Lost constants, since the file was made
	Refused      uint64            // records Append did not take since Run, outside the equation

	OldestAge   time.Duration // age of the oldest queued record; 0 when there is none, or its age cannot be told
	AtRisk      time.Duration // age of the oldest record that a power cut would lose now, Debug left out
	MemoryBytes uint64        // records held in memory; one read from disk keeps the block around it, 4 KiB
	DiskBytes   uint64        // size of queue.db
	Commits     uint64        // transactions since Run
	Syncs       uint64        // file syncs of these
	LastError   string        // of the disk, Full included; empty when the last commit went well
	LastHint    string        // the next move about LastError when it is one of rights, or empty
	Full        string        // why the file cannot grow, so that telemetry makes room for itself; or empty

	AtRiskByClass [Classes]time.Duration // age of the oldest record of each class that a power cut would lose now
	CommitEvery   time.Duration          // as stretched now
	Stretched     string                 // why it is longer than asked for, or empty
	WrittenToday  int64                  // estimate of what the disk was made to write in the last 24 h, bytes
	WriteBudget   int64                  // of which so much is wanted at most, bytes
	StoredBytes   int64                  // blocks and dead letters on disk, what MaxBytes bounds
	MaxBytes      int64                  // as in force; 0 = follows from what is free, which is not known yet
	Reserve       int64                  // of MaxBytes, what telemetry leaves to the other classes; 0 = not known yet
	FreeBytes     int64                  // free on the file system of Dir; 0 = unknown
	Salvage       Progress               // of reading what a damaged file still holds
}

// Progress tells how far a long work has come.
type Progress struct {
	Phase       string // empty when there is none
	Done, Total int64  // bytes
}

// ClassStats counts the records of one class since the file was made. At every
// instant Produced = Delivered + Queued + Dead + Lost. After an unclean stop
// Produced is the sum of what is known of the others.
type ClassStats struct {
	Produced, Delivered, Queued, Dead, Lost uint64
	Bytes                                   int64 // of the queued records, before they are packed
}

// Stats returns the state of the store. It never waits for the disk.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{
		Store: s.ident.store, Epoch: s.ident.epoch, IdentityReset: s.identNote, IdentityHint: s.identHint,
		Ready: s.open, Opening: s.opening,
		LostByReason: maps.Clone(s.byReason), Refused: s.refused,
		MemoryBytes: uint64(max(s.memBytes, 0)), DiskBytes: uint64(s.inFile),
		Commits: s.commits, Syncs: s.syncs, LastError: s.lastError, LastHint: s.lastHint,
		Salvage: s.salvage, FreeBytes: max(s.free, 0),
	}
	if st.Full = s.cramped; st.LastError == "" {
		st.LastError = st.Full
	}
	if !s.auto {
		st.MaxBytes, st.Reserve = s.o.MaxBytes, s.o.Reserve
	}
	st.StoredBytes = s.dead.disk.Bytes
	st.CommitEvery, st.Stretched = s.commitEvery()
	st.WrittenToday, st.WriteBudget = s.wear.today(s.now()), s.o.DailyWrites
	now, clk := s.now(), s.o.Clock.Now()
	for c := range s.q {
		q := &s.q[c]
		st.PerClass[c] = q.stats
		if p := &st.PerClass[c]; p.Queued == 0 {
			p.Bytes = 0
		} else {
			p.Bytes = max(p.Bytes, 1) // a damaged block hides how large its records were
		}
		st.StoredBytes += q.disk.Bytes
		q.tidy()
		if e := q.dirty.front(); e != nil {
			st.AtRiskByClass[c] = now - e.at
			st.AtRisk = max(st.AtRisk, now-e.at)
			st.OldestAge = max(st.OldestAge, age(e.rec.Stamp, clk))
		}
		if e := q.mem.front(); e != nil {
			st.OldestAge = max(st.OldestAge, age(e.rec.Stamp, clk))
		}
		if q.disk.Count > 0 && q.stats.Queued > 0 {
			st.OldestAge = max(st.OldestAge, age(q.oldest, clk))
		}
	}
	return st
}

// age is how long ago then was; 0 when it cannot be told.
func age(then, now clock.Stamp) time.Duration {
	switch {
	case then.Boot == now.Boot && then.Boot != [16]byte{}:
		return max(now.BootTime-then.BootTime, 0)
	case then.Wall.After(clock.Floor) && now.Wall.After(clock.Floor):
		return max(now.Wall.Sub(then.Wall), 0)
	}
	return 0
}
