//go:build linux && proof

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"fieldpost/store"
)

// trial is one trouble of a file system, played by a process of its own in a mount
// namespace of its own.
type trial struct {
	Name string
	Dir  string // to mount at
	Work string // for images
	Seed uint64
}

// told is what came of it.
type told struct {
	Skipped  string // why it could not be played
	Faults   []string
	Appended int           // during the trouble
	Lost     uint64        // telemetry, in the ledger
	Visible  string        // the first Stats.LastError during the trouble
	Memory   uint64        // largest, in bytes
	Journal  string        // what Begin said during the trouble
	Relief   time.Duration // from the end of the trouble until everything was well
}

// bounds of the store under trial.
const (
	trialMemory = 1 << 20
	trialBytes  = 6 << 20
)

// runDisk plays one trial and prints what came of it.
func runDisk() {
	var w trial
	work(&w)
	p := &player{trial: w, rnd: rand.New(rand.NewPCG(w.Seed, 6)), sums: make(map[store.ID]string)}
	if err := trials[w.Name](p); err != nil {
		if errors.As(err, new(*unable)) {
			p.Skipped = err.Error()
		} else {
			p.fault("%v", err)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(&p.told); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// player is one store in trouble.
type player struct {
	trial
	told
	rnd  *rand.Rand
	s    *store.Store
	stop context.CancelFunc
	end  chan error
	sums map[store.ID]string // of alarms, all to come out in the end
}

func (p *player) fault(format string, args ...any) {
	if len(p.Faults) < 20 {
		p.Faults = append(p.Faults, fmt.Sprintf(format, args...))
	}
}

func (p *player) start() {
	p.s = store.New(store.Options{Dir: p.Dir + "/state", MaxMemory: trialMemory, MaxBytes: trialBytes, CommitEvery: 20 * time.Millisecond, CommitBytes: 32 << 10})
	ctx, cancel := context.WithCancel(context.Background())
	p.stop, p.end = cancel, make(chan error, 1)
	go func() { p.end <- p.s.Run(ctx) }()
}

// sample appends n records as fast as it is allowed; one in fifty is an alarm. The
// store must take all of them, whatever the disk does, and stay within its memory.
func (p *player) sample(n int, trouble bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*hang)
	defer cancel()
	for i := range n {
		c := store.Telemetry
		if i%50 == 0 && len(p.sums) < 600 {
			c = store.Alarm
		}
		r := record(p.rnd, c)
		t, err := p.s.Append(ctx, r)
		if err != nil {
			p.fault("append: %v", err)
			return
		}
		if c == store.Alarm {
			p.sums[t.IDs()[0]] = r.Props["sum"]
		}
		st := p.s.Stats()
		p.Memory = max(p.Memory, st.MemoryBytes)
		if st.MemoryBytes > trialMemory*5/4 {
			p.fault("%d bytes in memory", st.MemoryBytes)
		}
		if trouble {
			p.Appended++
			if p.Visible == "" {
				p.Visible = st.LastError
			}
		}
		p.equation(st)
	}
}

func (p *player) equation(st store.Stats) {
	for c, q := range st.PerClass {
		if q.Produced != q.Delivered+q.Queued+q.Dead+q.Lost {
			p.fault("%s: %+v", store.Class(c), q)
		}
	}
}

// durable says that an alarm gets onto the disk and a command into the journal.
func (p *player) durable(when string) {
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	r := record(p.rnd, store.Alarm)
	t, err := p.s.Append(ctx, r)
	if err != nil {
		p.fault("%s: append: %v", when, err)
		return
	}
	p.sums[t.IDs()[0]] = r.Props["sum"]
	if err := t.Durable(ctx); err != nil {
		p.fault("%s: an alarm is not durable: %v, last error %q", when, err, p.s.Stats().LastError)
	}
	if err := p.begin(ctx); err != nil {
		p.fault("%s: %v", when, err)
	}
}

// begin begins one command and finishes it.
func (p *player) begin(ctx context.Context) error {
	c := theCommand(fmt.Sprintf("c-%d-%d-%d", os.Getpid(), p.rnd.Uint32(), time.Now().UnixNano()))
	if _, err := p.s.Journal().Begin(ctx, c); err != nil {
		return err
	}
	return p.s.Journal().Finish(ctx, c, store.Outcome{Verdict: store.Completed}, record(p.rnd, store.Result))
}

// refused says that a command is answered during the trouble, with an error that
// tells the caller not to execute it.
func (p *player) refused() {
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	err := p.begin(ctx)
	p.Journal = fmt.Sprint(err)
	if err == nil {
		p.Journal = "goes on"
	} else if !errors.Is(err, store.ErrDiskFull) {
		p.fault("begin during the trouble: %v", err)
	}
}

// relieved waits until the store is well again, without a restart.
func (p *player) relieved() {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 3*hang)
	defer cancel()
	for {
		err := p.s.Flush(ctx)
		st := p.s.Stats()
		if err == nil && st.Ready && st.LastError == "" {
			break
		}
		select {
		case <-ctx.Done():
			p.fault("not well again: flush: %v, last error %q, %q", err, st.LastError, st.Opening)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	p.Relief = time.Since(began)
	p.durable("afterwards")
	r := record(p.rnd, store.Telemetry)
	t, err := p.s.Append(ctx, r)
	if err == nil {
		err = t.Durable(ctx)
	}
	if err != nil {
		p.fault("telemetry afterwards: %v", err)
	}
}

// finish drains the store: every alarm comes, in order, unspoilt; what does not
// come is in the ledger.
func (p *player) finish() {
	st := p.s.Stats()
	p.Lost = st.PerClass[store.Telemetry].Lost
	if n := st.PerClass[store.Alarm].Lost; n > 0 {
		p.fault("%d alarms lost: %v", n, st.LostByReason)
	}
	f := &finding{Records: make(map[string]string)}
	ctx, cancel := context.WithTimeout(context.Background(), 3*hang)
	defer cancel()
	f.drainAll(ctx, p.s)
	for _, text := range append(f.Faults, f.Spoilt...) {
		p.fault("%s", text)
	}
	for id, sum := range p.sums {
		if f.Records[id.String()] != sum {
			p.fault("alarm %s: %q came, appended was %q", id, f.Records[id.String()], sum)
		}
	}
	p.halt()
}

func (p *player) halt() {
	p.stop()
	if err := <-p.end; err != nil {
		p.fault("run: %v", err)
	}
}
