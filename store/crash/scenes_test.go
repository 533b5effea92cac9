//go:build linux && proof

package crash

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// powerLoad is what the agent of a scene does.
func powerLoad(rnd *rand.Rand, marks int) load {
	return load{
		Seed: rnd.Uint64(), CommitEvery: 10 * time.Millisecond, CommitBytes: 16 << 10, MaxMemory: 4 << 20,
		Drain: rnd.IntN(drainWays), Marks: marks + rnd.IntN(marks), Crash: true, Boot: true,
	}
}

// scenes records the runs that power cuts are spread over. Each starts from what
// an earlier one left.
func scenes(t *testing.T, rnd *rand.Rand, marks int) []*scene {
	t.Helper()
	dir := t.TempDir()
	c := newClaims()
	var all []*scene
	play := func(name string, l load) *scene {
		t.Helper()
		s := recordScene(t, name, dir, l, c.clone())
		s.verify(t, dir)
		for _, e := range s.events {
			if e.line != "" {
				c.mark(e.line)
			}
		}
		c.ended(time.Now(), time.Hour)
		all = append(all, s)
		return s
	}
	first := play("first start", powerLoad(rnd, marks))
	clean := powerLoad(rnd, marks)
	clean.Crash = false
	play("after a kill, clean stop", clean)
	play("after a clean stop", powerLoad(rnd, marks))

	// The file is set aside and salvaged, and the cut comes in the middle of that.
	f, err := os.OpenFile(filepath.Join(dir, "queue.db"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 8192), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// What was settled may come again out of a damaged file.
	clear(c.settled)
	clear(c.acked)
	play("both meta pages zero", powerLoad(rnd, marks)).damaged = true

	// An agent that starts after a power cut meets the next one.
	dir = t.TempDir()
	d := first.disk(t)
	c = newClaims()
	half := first.events[:len(first.events)/2]
	for _, e := range half {
		first.step(t, d, e, c)
	}
	if err := d.crash(dir, fateMixed, rnd); err != nil {
		t.Fatal(err)
	}
	c.ended(time.Now(), time.Hour)
	play("after a power cut", powerLoad(rnd, marks))
	return all
}

// TestPowerCut: whatever a power cut leaves, the store opens, everything that was
// durable comes, and the journal knows every command.
func TestPowerCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seed, 2))
	j := newJury(t)
	rows := [][]string{outcomeHead}
	var sum outcome
	all := scenes(t, rnd, 25)
	for i, s := range all {
		var o outcome
		s.play(t, j, s.cuts((*states+i)/len(all), rnd), &o)
		for _, text := range o.texts[:min(len(o.texts), 5)] {
			t.Error(text)
		}
		rows = append(rows, o.row(s.name))
		sum.add(&o)
	}
	if sum.unsynced == 0 || sum.durable == 0 {
		t.Error("no state had anything unsynced, or anything durable")
	}
	if sum.bad+sum.died > 0 {
		t.Errorf("%d of %d states are bad, in %d the process died; seed %d", sum.bad, sum.states, sum.died, *seed)
	}
	table(t, "power cuts, simulated", append(rows, sum.row("all")))
}

func (o *outcome) add(p *outcome) {
	o.states, o.unsynced, o.died, o.bad, o.aside = o.states+p.states, o.unsynced+p.unsynced, o.died+p.died, o.bad+p.bad, o.aside+p.aside
	o.lost, o.late, o.forgot = o.lost+p.lost, o.late+p.late, o.forgot+p.forgot
	o.wrong, o.faults, o.durable = o.wrong+p.wrong, o.faults+p.faults, o.durable+p.durable
	o.slowest = max(o.slowest, p.slowest)
}
