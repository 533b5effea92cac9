package c2d

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/store"
)

var seeds = flag.Int("seeds", 60, "number of random interleavings")

// TestInterleavings sends commands by two doors while links are cut, settlements
// are lost, the disk fails, the gateway is busy, actions hang, and the agent is
// stopped, killed or told to restart. Whatever happens: an action that may run
// once has its effect at most once, and a settled command has one result, which
// says what its sender was told.
func TestInterleavings(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { interleave(t, rand.New(rand.NewPCG(seed, 17))) })
		})
	}
}

// process is one life of the agent: a Loop with a journal that a kill takes away.
type process struct {
	*fakeJournal
	mu   sync.Mutex
	dead bool
}

func (p *process) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

func (p *process) Begin(ctx context.Context, c store.Command) (store.State, error) {
	if p.gone() {
		return store.State{}, store.ErrClosed
	}
	return p.fakeJournal.Begin(ctx, c)
}

func (p *process) Finish(ctx context.Context, c store.Command, o store.Outcome, r store.Record) error {
	if p.gone() {
		return store.ErrClosed
	}
	return p.fakeJournal.Finish(ctx, c, o, r)
}

func (p *process) Promise(ctx context.Context, c store.Command, o store.Outcome, note string) error {
	if p.gone() {
		return store.ErrClosed
	}
	return p.fakeJournal.Promise(ctx, c, o, note)
}

func (p *process) Fulfil(ctx context.Context, c store.Command, r store.Record) error {
	if p.gone() {
		return store.ErrClosed
	}
	return p.fakeJournal.Fulfil(ctx, c, r)
}

type world struct {
	t       *testing.T
	mu      sync.Mutex // guards rnd, calm, effects, busy, lives, loop, answers
	rnd     *rand.Rand
	calm    bool
	busy    time.Time
	effects map[string]int
	lives   int
	loop    *Loop               // of the life at hand
	answers map[string][]Answer // by id, at the local door
	hub     *fakeHub
	journal *fakeJournal
	actions []Action
}

func (w *world) chance(percent int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.calm && w.rnd.IntN(100) < percent
}

func (w *world) span(most time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm {
		return time.Millisecond
	}
	return time.Duration(w.rnd.Int64N(int64(most)))
}

func (w *world) newWorldActions() {
	ready := func(Args) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.calm && time.Now().Before(w.busy) {
			return &BusyError{"moving"}
		}
		return nil
	}
	run := func(ctx context.Context, a Args) (any, error) {
		w.mu.Lock()
		w.effects[a.String("id")]++
		w.mu.Unlock()
		switch {
		case w.chance(10):
			panic("boom")
		case w.chance(10):
			time.Sleep(w.span(90 * time.Second))
		case w.chance(30):
			select {
			case <-time.After(w.span(60 * time.Second)):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		case w.chance(20):
			return nil, errors.New("failed")
		}
		return "ok", nil
	}
	args := []Arg{{Name: "id", Type: "string"}, {Name: "target", Type: "string"}}
	target := func(a Args) string { return a.String("target") }
	w.actions = []Action{
		{Name: "once", Args: args, Target: target, Ready: ready, Run: run},
		{Name: "again", Args: args, Target: target, Ready: ready, Run: run, Repeat: Repeatable},
	}
}

// restart is the action that ends a life. The number of the life proves it.
func (w *world) restart(life int, end func()) Action {
	leave := func(id string) Result {
		return Result{Due: fmt.Sprintf("%d %s", life, id), AfterSettle: func() error {
			w.mu.Lock()
			w.effects[id]++
			w.mu.Unlock()
			end()
			return nil
		}}
	}
	return Action{
		Name: "restart", Args: []Arg{{Name: "id", Type: "string"}, {Name: "target", Type: "string"}}, Repeat: Resumable,
		Resume: func(context.Context, Args) (bool, any, error) { return false, nil, nil },
		Run:    func(_ context.Context, a Args) (any, error) { return leave(a.String("id")), nil },
		Prove: func(note string) Result {
			var before int
			var id string
			if _, err := fmt.Sscan(note, &before, &id); err != nil || before == life {
				w.t.Errorf("proof of %q in life %d: %v", note, life, err)
			}
			return Result{Value: before}
		},
	}
}

// ask sends a command by the local door, sometimes twice.
func (w *world) ask(id string) {
	for again := true; again; again = w.chance(30) {
		w.mu.Lock()
		loop := w.loop
		w.mu.Unlock()
		a, told := loop.Do(context.Background(), Request{
			Door: DoorLocal, ID: id, Name: "once", Within: 20 * time.Second,
			Args: fmt.Appendf(nil, `{"id":%q,"target":"a"}`, id),
		})
		told()
		w.mu.Lock()
		w.answers[id] = append(w.answers[id], a)
		w.mu.Unlock()
		time.Sleep(w.span(time.Minute))
	}
}

// live runs one process until it is stopped or killed, or restarts itself.
func (w *world) live(life time.Duration) {
	p := &process{fakeJournal: w.journal}
	ctx, cancel := context.WithTimeout(context.Background(), life)
	defer cancel()
	names := []string{"once", "again", "restart"}
	w.mu.Lock()
	w.lives++
	loop := New(Options{
		DeviceID: func() string { return "dev" }, Journal: p, Clock: synced, Actions: append(slices.Clone(w.actions), w.restart(w.lives, cancel)),
		Allow: names, AllowLocal: names, Hold: 10 * time.Second, Deadline: 20 * time.Second,
	})
	w.loop = loop
	w.mu.Unlock()
	go loop.Recover(ctx)
	for ctx.Err() == nil {
		if err := loop.serve(ctx, w.hub.attach()); err == nil {
			w.t.Error("serve ended without an error")
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second + w.span(10*time.Second)):
			w.hub.restore()
		}
	}
	if w.chance(50) {
		limit, done := context.WithTimeout(context.Background(), 3*time.Second)
		defer done()
		_ = loop.Shutdown(limit) // what it does not wait for is killed below
	}
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	w.hub.cut()
	w.hub.restore()
}

func interleave(t *testing.T, rnd *rand.Rand) {
	w := &world{t: t, rnd: rnd, effects: map[string]int{}, answers: map[string][]Answer{}, hub: newFakeHub(), journal: newFakeJournal(t)}
	w.newWorldActions()
	w.hub.lose = func() (bool, bool) { return w.chance(10), w.chance(10) }
	w.journal.fail = func(string) (error, error) {
		switch {
		case w.chance(5):
			return store.ErrDiskFull, nil
		case w.chance(3):
			return nil, context.DeadlineExceeded // it is on disk, but that is not known
		}
		return nil, nil
	}

	var sent []*fakeMessage
	ids := map[string]string{} // message-id -> action
	var stage sync.WaitGroup
	stage.Go(func() {
		time.Sleep(time.Second)
		for i := range 8 {
			stage.Go(func() { w.ask(fmt.Sprint("local", i)) })
			time.Sleep(w.span(time.Minute))
		}
	})
	stage.Go(func() {
		for i := range 25 {
			time.Sleep(w.span(20 * time.Second))
			id, name := fmt.Sprint("m", i), "once"
			switch {
			case w.chance(30):
				name = "again"
			case w.chance(10):
				name = "restart"
			}
			if i > 0 && w.chance(20) {
				id = fmt.Sprint("m", i-1)
				name = ids[id]
				if name == "" {
					continue
				}
			}
			ids[id] = name
			body := fmt.Sprintf(`{"id":%q,"target":%q}`, id, []string{"a", "b", ""}[i%3])
			if w.chance(10) {
				body = "noise"
			}
			sent = append(sent, w.hub.send(id, name, body))
			switch {
			case w.chance(15):
				w.hub.cut()
			case w.chance(15):
				w.mu.Lock()
				w.busy = time.Now().Add(time.Duration(w.rnd.IntN(60)) * time.Second)
				w.mu.Unlock()
			}
		}
	})
	over := time.Now().Add(10 * time.Minute)
	for time.Now().Before(over) {
		w.live(10*time.Second + w.span(2*time.Minute))
	}
	stage.Wait()
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	w.hub.restore()
	for over := time.Now().Add(10 * time.Minute); time.Now().Before(over); {
		w.live(time.Until(over)) // restarts may end it early
	}

	verdicts := map[string]string{}
	for _, f := range sent {
		switch f.settled {
		case "":
			t.Errorf("%s (seq %d): not settled", f.id, f.seq)
		case "completed", "rejected":
			if v := verdicts[f.id]; v != "" && v != f.settled+f.reason {
				t.Errorf("%s: the hub was told %q and %q", f.id, v, f.settled+f.reason)
			}
			verdicts[f.id] = f.settled + f.reason
			results := w.journal.resultsOf(f.id)
			if len(results) != 1 {
				t.Errorf("%s: settled as %s, %d results", f.id, f.settled, len(results))
			} else if results[0].Props["outcome"] != f.settled {
				t.Errorf("%s: settled as %s, result says %s", f.id, f.settled, results[0].Props["outcome"])
			}
			if f.settled == "completed" && w.effects[f.id] == 0 && ids[f.id] != "restart" {
				t.Errorf("%s: completed without an effect", f.id)
			}
		}
	}
	for id, name := range ids {
		if n := w.effects[id]; name != "again" && n > 1 {
			t.Errorf("%s: %d effects", id, n)
		}
		if n := len(w.journal.resultsOf(id)); n > 1 {
			t.Errorf("%s: %d results", id, n)
		}
	}
	w.checkAnswers()
	for _, e := range w.journal.entries {
		if e.due != "" || e.outcome.Verdict == store.Pending && e.command.Door == DoorLocal {
			t.Errorf("%s: left open: %+v", e.id, e)
		}
	}
}

// checkAnswers holds what was said at the local door against effects and results.
func (w *world) checkAnswers() {
	for id, answers := range w.answers {
		results := w.journal.resultsOf(id)
		if w.effects[id] > 1 || len(results) > 1 {
			w.t.Errorf("%s: %d effects, %d results", id, w.effects[id], len(results))
		}
		for _, a := range answers {
			if a.Outcome != "completed" && a.Outcome != "rejected" {
				continue
			}
			if len(results) != 1 || results[0].Props["outcome"] != a.Outcome {
				w.t.Errorf("%s: the sender was told %s, results %v", id, a.Outcome, results)
			}
		}
	}
}
