package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
)

// noRoom is more headroom than any disk has: nothing is free for the queue.
const noRoom = 1 << 62

// running starts a store and waits until its first commit is done.
func running(t *testing.T, o Options) (s *Store, stop func()) {
	t.Helper()
	o.NoSync = true
	s = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx) }()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if cancel(); !stopped {
			if err := <-end; err != nil {
				t.Error(err)
			}
		}
		stopped = true
	}
	t.Cleanup(stop)
	return s, stop
}

func put(t *testing.T, s *Store, c Class, bytes int) Ticket {
	t.Helper()
	ticket, err := s.Append(t.Context(), Record{ID: ID{Class: c}, Body: noise(bytes)})
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func flushed(t *testing.T, s *Store) Stats {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := s.Stats()
	for c, p := range st.PerClass {
		if p.Produced != p.Delivered+p.Queued+p.Dead+p.Lost {
			t.Errorf("%s: %+v", Class(c), p)
		}
	}
	return st
}

// TestHeadroom: of a disk that is full down to its headroom the file has the
// reserve. A flood of telemetry does not take it from alarms and commands, the file
// does not grow, the trouble is told, and ends by itself when there is space.
func TestHeadroom(t *testing.T) {
	for policy, name := range []string{"drop oldest", "thin out", "refuse"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := Options{Dir: t.TempDir(), MaxBytes: 8 << 20, Headroom: noRoom, MaxMemory: 1 << 20}
				o.Overflow[Telemetry] = Overflow(policy)
				s, _ := running(t, o)
				first := flushed(t, s)
				alarms := uint64(0)
				for i := range 3000 {
					if i%6 == 0 {
						if err := put(t, s, Alarm, 1000).Durable(t.Context()); err != nil {
							t.Fatal(err)
						}
						alarms++
					}
					if _, err := s.Append(t.Context(), Record{ID: ID{Class: Telemetry}, Body: noise(1000)}); err != nil && !errors.Is(err, ErrRefused) {
						t.Fatal(err)
					}
				}
				c := Command{MessageID: "m", Seq: 1}
				if _, err := s.Journal().Begin(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if err := s.Journal().Finish(t.Context(), c, Outcome{Verdict: Completed}, Record{}); err != nil {
					t.Fatal(err)
				}
				full := flushed(t, s)
				if p := full.PerClass[Alarm]; p.Lost != 0 || p.Queued < alarms {
					t.Errorf("of %d alarms: %+v", alarms, p)
				}
				if full.DiskBytes > first.DiskBytes+64<<10 || full.Full == "" || full.LastError != full.Full || full.LostByReason[LostMemoryFull] != 0 {
					t.Errorf("file from %d to %d bytes, full %q, lost %v", first.DiskBytes, full.DiskBytes, full.Full, full.LostByReason)
				}
				if o.Overflow[Telemetry] == Refuse && full.Refused == 0 || o.Overflow[Telemetry] == DropOldest && full.LostByReason[LostQueueFull] == 0 {
					t.Errorf("%d refused, lost %v", full.Refused, full.LostByReason)
				}

				s.io <- struct{}{}
				s.o.Headroom = 0
				<-s.io
				time.Sleep(2 * holdAgain)
				synctest.Wait()
				if st := s.Stats(); st.Full != "" || st.LastError != "" || st.Commits != full.Commits {
					t.Errorf("with space again: %q, %q, %d commits", st.Full, st.LastError, st.Commits-full.Commits)
				}
				lost, refused := full.PerClass[Telemetry].Lost, full.Refused
				for i := range 1000 {
					if put(t, s, Telemetry, 1000); i%100 == 0 {
						flushed(t, s)
					}
				}
				if st := flushed(t, s); st.PerClass[Telemetry].Lost != lost || st.Refused != refused {
					t.Errorf("with space again: lost %v, %d refused", st.LostByReason, st.Refused-refused)
				}
			})
		})
	}
}

// TestAlarmsGoLast: alarms beyond the reserve take the room of telemetry, all of it
// before the first alarm goes.
func TestAlarmsGoLast(t *testing.T) {
	for policy, name := range []string{"drop oldest", "thin out", "refuse"} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), MaxBytes: 400_000, Reserve: 50_000}
			o.Overflow[Telemetry], o.Overflow[Alarm] = Overflow(policy), Refuse
			s, _ := running(t, o)
			for i := range 400 {
				if _, err := s.Append(t.Context(), Record{ID: ID{Class: Telemetry}, Body: noise(1000)}); err != nil && o.Overflow[Telemetry] != Refuse {
					t.Fatal(err)
				}
				if i%20 == 0 {
					flushed(t, s)
				}
			}
			for {
				ticket, err := s.Append(t.Context(), Record{ID: ID{Class: Alarm}, Body: noise(1000)})
				if errors.Is(err, ErrRefused) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := ticket.Durable(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			st := flushed(t, s)
			if p := st.PerClass[Alarm]; p.Lost != 0 || p.Queued < 300 {
				t.Errorf("alarms when the first was refused: %+v", p)
			}
			if p := st.PerClass[Telemetry]; p.Queued > 20 {
				t.Errorf("telemetry when an alarm was refused: %+v", p)
			}
		})
	}
}

// TestMemoryFull: without a disk alarms take the memory of telemetry and debug, all
// of it before the first alarm goes, and no alarm is ever refused.
func TestMemoryFull(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(Options{Dir: dir, MaxMemory: 200_000, NoSync: true})
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx) }()
	defer func() { cancel(); <-end }()
	for range 100 {
		put(t, s, Debug, 1000)
		put(t, s, Telemetry, 1000)
	}
	n := uint64(0)
	for {
		put(t, s, Alarm, 1000)
		n++
		st := s.Stats()
		if st.MemoryBytes > 200_000 {
			t.Fatalf("%d bytes in memory", st.MemoryBytes)
		}
		if st.PerClass[Alarm].Lost == 0 {
			continue
		}
		if n < 150 || st.PerClass[Telemetry].Queued+st.PerClass[Debug].Queued > 0 {
			t.Errorf("the first of %d alarms went with %+v beside it", n, st.PerClass)
		}
		break
	}
	if _, err := s.Append(t.Context(), Record{ID: ID{Class: Telemetry}, Body: noise(1000)}); !errors.Is(err, ErrRefused) {
		t.Errorf("telemetry beside alarms only: %v", err)
	}
	put(t, s, Alarm, 1000)
}

// TestDefaultMaxBytes: a quarter of what is free, and Stats tells what is in force.
func TestDefaultMaxBytes(t *testing.T) {
	for free, want := range map[int64]int64{0: 1 << 20, 40 << 20: 10 << 20, 1 << 40: 64 << 20} {
		if got := autoMax(free); got != want {
			t.Errorf("of %d bytes free %d, want %d", free, got, want)
		}
	}
	s := New(Options{})
	if st := s.Stats(); st.MaxBytes != 0 || st.Reserve != 0 {
		t.Errorf("before it is known: %d, %d", st.MaxBytes, st.Reserve)
	}
	s, _ = running(t, Options{Dir: t.TempDir()})
	st := s.Stats()
	if free, ok := FreeBytes(s.o.Dir); ok && (st.MaxBytes > autoMax(2*free) || st.MaxBytes < autoMax(free/2)) {
		t.Errorf("%d of %d free", st.MaxBytes, free)
	}
	if st.MaxBytes <= 0 || st.Reserve != min(1<<20, st.MaxBytes/8) {
		t.Errorf("%d, of which %d are the reserve", st.MaxBytes, st.Reserve)
	}
}

// TestBudgetSurvivesRestart: what was written today is not forgotten by a restart,
// and is made up for in the time that the machine is powered.
func TestBudgetSurvivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewFake(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Follow()
		o := Options{Dir: t.TempDir(), DailyWrites: 4 << 20, Clock: c}
		s, stop := running(t, o)
		for range 150 {
			put(t, s, Telemetry, 100)
			flushed(t, s)
		}
		before := s.Stats()
		if before.Stretched == "" {
			t.Fatalf("%d written, not stretched", before.WrittenToday)
		}
		stop()
		s, stop = running(t, o)
		if st := s.Stats(); st.Stretched == "" || st.WrittenToday < before.WrittenToday {
			t.Errorf("after a restart: %d written, %d before, stretched %q", st.WrittenToday, before.WrittenToday, st.Stretched)
		}
		stop()
		time.Sleep(48 * time.Hour)
		s, _ = running(t, o)
		if st := s.Stats(); st.Stretched != "" {
			t.Errorf("after two days: %q", st.Stretched)
		}
		time.Sleep(25 * time.Hour)
		if st := s.Stats(); st.WrittenToday > before.WrittenToday/4 {
			t.Errorf("%d written today, a day after the start", st.WrittenToday)
		}
	})
}

// TestPlacesSurviveRestart: thinning goes on where it was, and commits are counted on.
func TestPlacesSurviveRestart(t *testing.T) {
	o := Options{Dir: t.TempDir(), MaxBytes: 200_000, KeepOneIn: 2}
	o.Overflow[Telemetry] = ThinOut
	s, stop := running(t, o)
	for range 300 {
		put(t, s, Telemetry, 1000)
		flushed(t, s)
	}
	stop()
	txn, at := s.txn, s.thinned[Telemetry]
	if at.seq == 0 {
		t.Fatal("nothing was thinned")
	}
	if at.run == thisRun {
		at.run = s.run
	}
	s, stop = running(t, o)
	stop()
	if s.thinned[Telemetry] != at || s.txn <= txn {
		t.Errorf("thinned to %v, before %v; %d commits, before %d", s.thinned[Telemetry], at, s.txn, txn)
	}
}

// TestFill: a file that grows is written where it was written before.
func TestFill(t *testing.T) {
	s, _ := running(t, Options{Dir: t.TempDir()})
	for i := range 300 {
		put(t, s, Telemetry, 4000)
		flushed(t, s)
		s.io <- struct{}{}
		filled := s.disk.filled
		err, high := s.disk.look(), s.disk.high
		<-s.io
		if err != nil || filled < high {
			t.Fatalf("commit %d: written up to %d before, %d in use, %v", i, filled, high, err)
		}
	}
}
