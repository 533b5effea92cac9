//go:build linux && proof

package crash

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"fieldpost/store"
)

// job is one folder for a judge to open.
type job struct {
	Dir      string
	Commands []string // message-ids to ask the journal for
	Restore  []string // paths to make accessible again once the store shows its trouble
	Boot     bool     // the machine was started anew before
	Die      bool     // end the process instead, to show that it is noticed
}

// finding is what a judge found in a folder.
type finding struct {
	Records  map[string]string // ID to checksum, ledger records left out
	Spoilt   []string          // came and contradict their own checksum
	Dead     []string          // IDs of dead letters
	Commands map[string]string // phase by message-id
	Unsure   map[string]bool   // new to the journal, but said to be doubtful
	Reasons  map[string]uint64 // of losses
	Opened   time.Duration     // until the file was open
	Faults   []string
}

// runJudge opens the folders named on standard input, one job a line, and prints
// one finding a line.
func runJudge() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var j job
		if err := json.Unmarshal(in.Bytes(), &j); err != nil {
			panic(err)
		}
		if j.Die {
			os.Exit(7)
		}
		if err := out.Encode(judged(j)); err != nil {
			os.Exit(1)
		}
	}
	os.Exit(0)
}

// judged uses the folder as an agent would, takes everything out, and sees that
// it stays out.
func judged(j job) *finding {
	f := &finding{Records: make(map[string]string), Commands: make(map[string]string), Unsure: make(map[string]bool)}
	f.open(j, func(ctx context.Context, s *store.Store) {
		f.ask(ctx, s, j.Commands)
		f.takeAll(ctx, s)
		dead, err := s.DeadLetters(ctx)
		f.check("dead letters", err)
		for _, d := range dead {
			f.Dead = append(f.Dead, d.Record.ID.String())
			if text := spoilt(&d.Record); text != "" {
				f.Spoilt = append(f.Spoilt, text)
			}
		}
		f.check("flush", s.Flush(ctx))
	})
	if len(f.Faults) > 0 {
		return f
	}
	j.Restore = nil
	again := &finding{Records: make(map[string]string)}
	again.open(j, again.takeAll)
	for id := range again.Records {
		f.Faults = append(f.Faults, id+" came again after a clean stop")
	}
	f.Faults = append(f.Faults, again.Faults...)
	return f
}

func (f *finding) fault(format string, args ...any) {
	f.Faults = append(f.Faults, fmt.Sprintf(format, args...))
}

func (f *finding) check(what string, err error) {
	if err != nil {
		f.fault("%s: %v", what, err)
	}
}

// open runs a store in the folder of j and stops it cleanly. An alarm appended at
// once must become durable, whatever the folder holds.
func (f *finding) open(j job, use func(context.Context, *store.Store)) {
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	began := time.Now()
	s := store.New(store.Options{Dir: j.Dir, Clock: bootClock(j.Boot), MaxBytes: 48 << 20, JournalSize: 1 << 20})
	run, stop := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- s.Run(run) }()
	probe := store.Record{ID: store.ID{Class: store.Alarm}, Kind: store.KindEvent, Body: []byte(probeBody)}
	t, err := s.Append(ctx, probe)
	f.check("append", err)
	if len(j.Restore) > 0 {
		f.trouble(ctx, s, j.Restore)
	}
	if err == nil {
		f.check("durable", t.Durable(ctx))
	}
	f.Opened = time.Since(began)
	if st := s.Stats(); !st.Ready {
		f.fault("not open: %s; %s", st.Opening, st.LastError)
	}
	use(ctx, s)
	f.equation(s)
	stop()
	select {
	case err := <-end:
		f.check("run", err)
	case <-time.After(hang):
		f.fault("run does not end")
	}
	f.equation(s)
}

// trouble waits until the store is open nevertheless or says why not, and then
// takes the cause away: it must open without a restart.
func (f *finding) trouble(ctx context.Context, s *store.Store, paths []string) {
	for st := s.Stats(); !st.Ready && st.LastError == ""; st = s.Stats() {
		select {
		case <-ctx.Done():
			f.fault("neither open nor an error to be seen: %q", st.Opening)
			return
		case <-time.After(time.Millisecond):
		}
	}
	for _, p := range paths {
		if err := os.Chmod(p, 0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.fault("restore: %v", err)
		}
	}
}

// probeBody tells the judge's own alarm from those of the agents.
const probeBody = "a judge's probe"

// ask lets the journal tell of commands that were begun. The one whose commit meets the
// damage is refused, and handed over again as the hub would; another refusal is a fault.
func (f *finding) ask(ctx context.Context, s *store.Store, ids []string) {
	refused := false
	for _, id := range ids {
		st, err := s.Journal().Begin(ctx, theCommand(id))
		if !refused && errors.Is(err, store.ErrDiskFull) {
			refused = true
			f.check("durable after a refused command", s.Flush(ctx))
			st, err = s.Journal().Begin(ctx, theCommand(id))
		}
		if err != nil {
			f.fault("begin %s: %v", id, err)
			return
		}
		f.Commands[id] = st.Phase.String()
		if st.Unsure {
			f.Unsure[id] = true
		}
	}
}

// takeAll takes out everything, and the judge's own alarm with it.
func (f *finding) takeAll(ctx context.Context, s *store.Store) {
	if probed := f.drainAll(ctx, s); !probed && ctx.Err() == nil {
		f.fault("the judge's own alarm did not come")
	}
	f.Reasons = s.Stats().LostByReason
}

// drainAll drains the store as the one and only cursor, so that everything comes in
// order, and accepts it.
func (f *finding) drainAll(ctx context.Context, s *store.Store) (probed bool) {
	var o order
	for {
		f.equation(s)
		var queued uint64
		for _, p := range s.Stats().PerClass {
			queued += p.Queued
		}
		if queued == 0 {
			return probed
		}
		l, err := s.Next(ctx, store.Want{Records: 200})
		if err != nil {
			f.fault("%d are queued, next: %v", queued, err)
			return probed
		}
		for _, r := range l.Records() {
			if text := o.next(r.ID); text != "" {
				f.fault("order: %s", text)
			}
			if string(r.Body) == probeBody {
				probed = true
				continue
			}
			if text := spoilt(&r); text != "" {
				f.Spoilt = append(f.Spoilt, text)
			}
			if r.Kind == store.KindLedger {
				continue
			}
			if _, twice := f.Records[r.ID.String()]; twice {
				f.fault("%s came twice", r.ID)
			}
			f.Records[r.ID.String()] = r.Props["sum"]
		}
		l.Ack()
	}
}

// equation verifies that the counters account for every record.
func (f *finding) equation(s *store.Store) {
	for c, p := range s.Stats().PerClass {
		if p.Produced != p.Delivered+p.Queued+p.Dead+p.Lost {
			f.fault("%s: produced %d is not delivered %d + queued %d + dead %d + lost %d", store.Class(c), p.Produced, p.Delivered, p.Queued, p.Dead, p.Lost)
		}
	}
}
