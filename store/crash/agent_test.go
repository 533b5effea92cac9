//go:build linux && proof

package crash

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// load is what an agent shall do.
type load struct {
	Dir         string
	Seed        uint64
	CommitEvery time.Duration
	CommitBytes int
	MaxMemory   int
	NoSync      bool
	Marks       int  // stop cleanly after so many batches were durable; 0 = go on until killed
	Crash       bool // kill itself after Marks instead
	Drain       int  // one of the ways to drain below
	Quiet       bool // telemetry only: nothing but age and bytes calls for a commit
	Lie         bool // claim records as durable that are only appended
	LogMarks    bool // put a mark into the log of writes for every line that is printed
	Boot        bool // the machine was started anew before
}

// Ways to drain.
const (
	drainNot       = iota
	drainBacklog   // oldest first, everything accepted
	drainLive      // live first, everything accepted
	drainScattered // some accepted, some refused, the rest put back, in any order
	drainWays
)

// bootStamps is the clock of a machine that was started with the process.
type bootStamps struct {
	id [16]byte
	at time.Time
}

// bootClock is nil, the store's own clock, unless the machine was started anew.
func bootClock(anew bool) clock.Clock {
	if !anew {
		return nil
	}
	b := bootStamps{at: time.Now()}
	binary.NativeEndian.PutUint64(b.id[:], rand.Uint64())
	return b
}

func (b bootStamps) Now() clock.Stamp {
	return clock.Stamp{Boot: b.id, BootTime: time.Since(b.at), Wall: time.Now().UTC(), Trust: clock.TrustPlausible}
}

func (l load) options() store.Options {
	return store.Options{
		Clock: bootClock(l.Boot),
		Dir:   l.Dir, CommitEvery: l.CommitEvery, CommitBytes: l.CommitBytes, MaxMemory: l.MaxMemory, MaxBytes: 48 << 20,
		JournalSize: 1 << 20, NoSync: l.NoSync,
		DailyWrites: 1 << 50, // what is written here in seconds would have commits stretched to minutes
	}
}

type agent struct {
	load
	s     *store.Store
	marks atomic.Int64
	done  chan struct{} // closed when enough is done
	batch chan struct{} // one token for each batch that was appended

	telling sync.Mutex // so that lines and marks in the log of writes have one order
	told    int
}

// runAgent loads a store until it is killed or has done enough.
func runAgent() {
	a := &agent{done: make(chan struct{}), batch: make(chan struct{}, 1)}
	work(&a.load)
	a.s = store.New(a.options())
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- a.s.Run(ctx) }()
	go a.appendForever(ctx, 1, func(rnd *rand.Rand) store.Class {
		if !a.Quiet && rnd.IntN(12) == 0 {
			return store.Alarm
		}
		return store.Telemetry
	})
	go a.appendForever(ctx, 2, func(*rand.Rand) store.Class { return store.Telemetry })
	if !a.Quiet {
		go a.command(ctx)
		go a.flush(ctx)
	}
	if a.Drain != drainNot {
		go a.drain(ctx)
	}
	<-a.done
	cancel()
	if err := <-end; err != nil {
		a.mark("fault: run:", err.Error())
	}
	a.mark("stopped")
	os.Exit(0)
}

// mark prints what is true from now on. One line is one write, so that lines of
// several goroutines do not mix and a trace has it whole.
func (a *agent) mark(what string, words ...string) {
	line := fmt.Sprintf("%s %d %s\n", what, a.s.Stats().Commits, strings.Join(words, " "))
	if a.tell(line) != nil {
		os.Exit(1)
	}
	if what == "durable" && a.marks.Add(1) == int64(a.Marks) {
		if a.Crash {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				panic(err)
			}
		}
		close(a.done)
	}
}

func (a *agent) tell(line string) error {
	if a.LogMarks {
		a.telling.Lock()
		defer a.telling.Unlock()
		if err := dmTell(loggedDisk, fmt.Sprintf("mark %d", a.told)); err != nil {
			return err
		}
		a.told++
	}
	_, err := os.Stdout.WriteString(line)
	return err
}

// check marks an error as a fault, unless the agent is stopping.
func (a *agent) check(what string, err error) bool {
	if err == nil {
		return true
	}
	select {
	case <-a.done:
	default:
		a.mark("fault:", what, err.Error())
	}
	return false
}

func (a *agent) rand(n uint64) *rand.Rand { return rand.New(rand.NewPCG(a.Seed, n)) }

func (a *agent) appendForever(ctx context.Context, n uint64, class func(*rand.Rand) store.Class) {
	rnd := a.rand(n)
	for {
		recs := make([]store.Record, 1+rnd.IntN(30))
		c := class(rnd)
		for i := range recs {
			recs[i] = record(rnd, c)
		}
		t, err := a.s.Append(ctx, recs...)
		if !a.check("append", err) {
			return
		}
		claims := make([]string, len(recs))
		for i, id := range t.IDs() {
			claims[i] = id.String() + "=" + recs[i].Props["sum"]
		}
		a.mark("appended", claims...)
		if !a.Lie && !a.check("durable", t.Durable(ctx)) {
			return
		}
		a.mark("durable", claims...)
		select {
		case a.batch <- struct{}{}:
		default:
		}
	}
}

// flush asks for a commit now and then: what was settled before is settled for good.
func (a *agent) flush(ctx context.Context) {
	rnd := a.rand(3)
	for {
		timer := time.NewTimer(a.CommitEvery * time.Duration(1+rnd.IntN(8)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		a.mark("flushing")
		if !a.check("flush", a.s.Flush(ctx)) {
			return
		}
		a.mark("flushed")
	}
}

// theCommand is the command that its message-id tells of.
func theCommand(id string) store.Command {
	if id == oldCommand {
		return store.Command{MessageID: id, Seq: 1, EnqueuedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Door: "devicebound", Name: "ping"}
	}
	var pid, n uint64
	var at int64
	fmt.Sscanf(id, "c-%d-%d-%d", &pid, &n, &at)
	return store.Command{MessageID: id, Seq: pid<<20 | n, EnqueuedAt: time.Unix(0, at).UTC(), Door: "devicebound", Name: "ping"}
}

// command begins commands and finishes two of three.
func (a *agent) command(ctx context.Context) {
	rnd := a.rand(4)
	if _, err := a.s.Losses(ctx); !a.check("losses", err) {
		return
	}
	// The file is open: what is enqueued from now on was not there when a journal
	// was lost.
	for n := 1; ; n++ {
		id := fmt.Sprintf("c-%d-%d-%d", os.Getpid(), n, time.Now().UnixNano())
		c := theCommand(id)
		st, err := a.s.Journal().Begin(ctx, c)
		if !a.check("begin", err) {
			return
		}
		if st.Phase != store.PhaseNew || st.Unsure {
			a.mark("fault:", "begin", id, "is", st.Phase.String())
		}
		a.mark("begun", id)
		if rnd.IntN(3) == 0 {
			continue
		}
		err = a.s.Journal().Finish(ctx, c, store.Outcome{Verdict: store.Completed}, record(rnd, store.Result))
		if !a.check("finish", err) {
			return
		}
		a.mark("done", id)
	}
}
