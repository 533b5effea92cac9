//go:build linux && proof

package crash

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// scene is one recorded run of an agent: what lay in its folder before, what it did
// to it, and what had been claimed until then.
type scene struct {
	name   string
	before *simdisk
	events []event
	claims *claims

	damaged bool // before it began
}

// recordScene runs an agent in dir under strace and kills or stops it after its marks.
func recordScene(t testing.TB, name, dir string, l load, before *claims) *scene {
	t.Helper()
	disk, err := newSimdisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	l.Dir = dir
	s := &scene{name: name, before: disk, claims: before}
	s.events = straced(t, child(t, "agent", l), dir)
	return s
}

// verify replays the whole scene and compares it with what the kernel has: else
// the simulated disk is not the real one. What a call did that the process died in
// is open: it may have had its effect, none, or written a part.
func (s *scene) verify(t testing.TB, dir string) {
	t.Helper()
	var err error
	var parts []event
	for _, e := range s.events {
		if e.result == "?" && e.call == "pwrite64" {
			parts = append(parts, e)
		}
	}
	for _, died := range []bool{true, false} {
		d := s.disk(t)
		for _, e := range s.events {
			if died || e.result != "?" {
				s.step(t, d, e, nil)
			}
		}
		again := t.TempDir()
		if err = d.crash(again, fateKept, rand.New(rand.NewPCG(0, 0))); err != nil {
			break
		}
		if err = alike(dir, again, parts); err == nil {
			return
		}
	}
	t.Fatalf("%s: replayed, the trace does not give the folder it was taken from: %v", s.name, err)
}

// alike compares the files of two folders, but for what the writes in parts cover.
func alike(dir, again string, parts []event) error {
	for _, p := range [][2]string{{dir, again}, {again, dir}} {
		err := filepath.WalkDir(p[0], func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(p[0], path)
			if err != nil {
				return err
			}
			a, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(filepath.Join(p[1], rel))
			for _, e := range parts {
				off, _ := e.args[3].number() // the replay has read it
				if size := int64(min(len(a), len(b))); e.paths()[0] == rel && off < size {
					clear(a[off:min(off+int64(len(e.args[1].text)), size)])
					clear(b[off:min(off+int64(len(e.args[1].text)), size)])
				}
			}
			if err != nil || !bytes.Equal(a, b) {
				first := 0
				for first < min(len(a), len(b)) && a[first] == b[first] {
					first++
				}
				return fmt.Errorf("%s: %d bytes here, %d there, another from byte %d on, %v", rel, len(a), len(b), first, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// disk is a copy of the one before the scene.
func (s *scene) disk(t testing.TB) *simdisk {
	d := &simdisk{names: make(map[string]*node), at: make(map[string]int64)}
	for p, n := range s.before.names {
		d.names[p] = &node{folder: n.folder, disk: bytes.Clone(n.disk)}
	}
	d.durable = maps.Clone(d.names)
	return d
}

// step takes up one event.
func (s *scene) step(t testing.TB, d *simdisk, e event, c *claims) {
	t.Helper()
	switch {
	case e.call != "":
		if err := d.do(e); err != nil {
			t.Fatalf("%s, trace line %d: %v", s.name, e.exit, err)
		}
	case c != nil:
		c.mark(e.line)
	}
}

// cut is one power cut: after which event, and what became of the rest.
type cut struct {
	after int
	fate  fate
	seed  uint64
}

// cuts spreads n power cuts over the scene: a quarter of them before the agent
// first claims anything, when files are made, moved and salvaged, and a third at
// the worst moment, when most is written and a sync is about to come.
func (s *scene) cuts(n int, rnd *rand.Rand) []cut {
	opening := slices.IndexFunc(s.events, func(e event) bool { return e.line != "" })
	if opening < 1 {
		opening = len(s.events)
	}
	var all []cut
	for i := range n {
		among := len(s.events)
		if i%4 == 0 {
			among = opening
		}
		after := rnd.IntN(among)
		if i%3 == 0 {
			for next := after + 1; next < among; next++ {
				if s.events[next].syncs() {
					after = next - 1
					break
				}
			}
		}
		all = append(all, cut{after, fate(rnd.IntN(int(fates))), rnd.Uint64()})
	}
	slices.SortFunc(all, func(a, b cut) int { return a.after - b.after })
	return all
}

// outcome sums up what judges found in the states of one scene.
type outcome struct {
	states, unsynced, died, bad, aside int
	lost, late, forgot, wrong, faults  int
	durable                            int
	slowest                            time.Duration
	texts                              []string
}

// play builds the state of every cut and has it judged.
func (s *scene) play(t testing.TB, j *jury, cuts []cut, o *outcome) {
	t.Helper()
	d, c, at := s.disk(t), s.claims.clone(), 0
	for _, k := range cuts {
		for ; at <= k.after; at++ {
			s.step(t, d, s.events[at], c)
		}
		dir, err := os.MkdirTemp(t.TempDir(), "state")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.crash(dir, k.fate, rand.New(rand.NewPCG(k.seed, 1))); err != nil {
			t.Fatal(err)
		}
		claimed := c.clone()
		claimed.ended(time.Now(), time.Hour) // only a Flush settles for good here
		f, how := j.judge(job{Dir: dir, Boot: true, Commands: slices.Collect(maps.Keys(claimed.begun))})
		bad := o.bad + o.died
		o.states++
		o.durable += len(claimed.durable)
		if d.unsynced() {
			o.unsynced++
		}
		where := fmt.Sprintf("%s, event %d of %d, %s, seed %d", s.name, k.after, len(s.events), k.fate, k.seed)
		if f == nil {
			o.died++
			o.texts = append(o.texts, where+": "+how)
		} else if v := claimed.compare(f, s.damaged); v.bad() != nil {
			o.bad++
			o.lost, o.late, o.forgot = o.lost+len(v.lost), o.late+len(v.late), o.forgot+len(v.forgot)
			o.wrong, o.faults = o.wrong+len(v.wrong), o.faults+len(v.faults)
			o.texts = append(o.texts, fmt.Sprintf("%s: %q", where, v.bad()))
		}
		if *keep != "" && o.bad+o.died > bad {
			again := filepath.Join(*keep, fmt.Sprintf("%s-%d-%d", strings.ReplaceAll(s.name, " ", "-"), k.after, k.seed))
			err := os.MkdirAll(again, 0o700)
			if err == nil {
				err = d.crash(again, k.fate, rand.New(rand.NewPCG(k.seed, 1)))
			}
			if err != nil {
				t.Error(err)
			}
		}
		if f != nil {
			o.slowest = max(o.slowest, f.Opened)
		}
		if aside, err := filepath.Glob(filepath.Join(dir, "corrupt-*")); err == nil && len(aside) > 0 {
			o.aside++
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// unsynced says whether a power cut now could change anything.
func (d *simdisk) unsynced() bool {
	if len(d.pending) > 0 {
		return true
	}
	for _, n := range d.names {
		if len(n.ops) > 0 {
			return true
		}
	}
	return false
}

func (o *outcome) row(name string) []string {
	return []string{name, fmt.Sprint(o.states), fmt.Sprint(o.unsynced), fmt.Sprint(o.durable), fmt.Sprint(o.died), fmt.Sprint(o.bad), fmt.Sprint(o.lost), fmt.Sprint(o.wrong),
		fmt.Sprint(o.forgot), fmt.Sprint(o.late), fmt.Sprint(o.faults), fmt.Sprint(o.aside), fmt.Sprint(o.slowest.Round(time.Millisecond))}
}

var outcomeHead = []string{"scene", "states", "with unsynced", "durable", "died", "bad states", "lost", "wrong", "forgotten", "too late", "other faults", "set aside", "slowest open"}
