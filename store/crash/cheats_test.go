//go:build linux && proof

package crash

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// TestPowerCutCatchesCheats: a store that leaves out syncs is found out. NoSync
// leaves them all out; from the trace of an honest run one kind after the other is
// taken, as if the store had not made it.
func TestPowerCutCatchesCheats(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seed, 3))
	j := newJury(t)
	l := powerLoad(rnd, 30)
	l.Drain = drainNot
	honest := recordScene(t, "honest", t.TempDir(), l, newClaims())
	l.NoSync = true
	rows := [][]string{outcomeHead}
	for _, cheat := range []struct {
		name string
		s    *scene
	}{
		{"NoSync", recordScene(t, "NoSync", t.TempDir(), l, newClaims())},
		{"no sync of the file", honest.without(func(calls []event, i int) bool {
			return calls[i].syncs() && filepath.Base(calls[i].paths()[0]) == "queue.db"
		})},
		{"no sync before the meta page", honest.without(func(calls []event, i int) bool { return calls[i].syncs() && writesMeta(calls, i+1) })},
		{"no sync after the meta page", honest.without(func(calls []event, i int) bool { return calls[i].syncs() && writesMeta(calls, i-1) })},
		{"no sync of the folder", honest.without(func(calls []event, i int) bool { return calls[i].syncs() && calls[i].paths()[0] == "." })},
	} {
		var o outcome
		// A store that never syncs shows in nearly every state, one sync that is
		// missing in few.
		for range 60 {
			cheat.s.play(t, j, cheat.s.cuts(5, rnd), &o)
			if o.bad+o.died > 0 {
				break
			}
		}
		if o.lost+o.forgot+o.died == 0 {
			t.Errorf("%s: nothing is missing in %d states, seed %d", cheat.name, o.states, *seed)
		}
		rows = append(rows, o.row(cheat.name))
	}
	table(t, "power cuts, cheats to be caught", rows)
}

func (e event) syncs() bool { return e.call == "fsync" || e.call == "fdatasync" }

// without is s as if some of its calls had not been made. Calls are counted with
// marks left out.
func (s *scene) without(drop func(calls []event, i int) bool) *scene {
	var calls []event
	for _, e := range s.events {
		if e.call != "" {
			calls = append(calls, e)
		}
	}
	c := *s
	c.events = nil
	i := -1
	for _, e := range s.events {
		if e.call != "" {
			if i++; drop(calls, i) {
				continue
			}
		}
		c.events = append(c.events, e)
	}
	return &c
}

// writesMeta says whether call i writes one of the two meta pages.
func writesMeta(calls []event, i int) bool {
	if i < 0 || i >= len(calls) || calls[i].call != "pwrite64" {
		return false
	}
	off, err := calls[i].args[3].number()
	return err == nil && (off == 0 || off == 4096)
}
