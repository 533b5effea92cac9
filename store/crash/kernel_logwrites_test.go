//go:build linux && proof

package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestKernelLogWrites: whatever part of the writes has reached the disk, ext4 mounts
// it, the store opens, and everything that was durable by then is there.
func TestKernelLogWrites(t *testing.T) {
	needKernel(t)
	rnd := rand.New(rand.NewPCG(*seed, 6))
	initrd := initramfs(t)
	first, second := powerLoad(rnd, 20), powerLoad(rnd, 20)
	first.Drain, second.Drain, second.Crash = drainScattered, drainBacklog, false
	r := recordDisk(t, initrd, "two runs", first, second)
	whole := r.moments(0)
	part := r.moments(rnd.Uint64() | 1)
	t.Logf("%d entries, %d writes, %d lines", len(r.entries), len(whole)-1, len(r.lines))
	rows := [][]string{outcomeHead}
	var sum outcome
	for _, k := range []struct {
		name string
		all  []moment
	}{{"prefixes of the writes", whole}, {"and a part of what follows", part}} {
		o := r.judge(t, initrd, sample(k.all, *prefixes, rnd))
		for _, text := range o.texts[:min(len(o.texts), 5)] {
			t.Errorf("%s: %s", k.name, text)
		}
		rows = append(rows, o.row(k.name))
		sum.add(o)
	}
	if sum.durable == 0 || sum.bad+sum.died > 0 {
		t.Errorf("%d of %d states are bad, in %d the process died; seed %d", sum.bad, sum.states, sum.died, *seed)
	}
	table(t, fmt.Sprintf("dm-log-writes, %d writes", len(whole)-1), append(rows, sum.row("all")))
}

// sample takes n of all, in their order; 0 takes every one.
func sample(all []moment, n int, rnd *rand.Rand) []moment {
	if n == 0 || n >= len(all) {
		return all
	}
	some := rnd.Perm(len(all))[:n]
	slices.Sort(some)
	out := make([]moment, n)
	for i, k := range some {
		out[i] = all[k]
	}
	return out
}

// judge has the store judged at each of these moments, by two machines.
func (r *recording) judge(t testing.TB, initrd string, all []moment) *outcome {
	t.Helper()
	var o outcome
	var mu sync.Mutex
	var both sync.WaitGroup
	for _, half := range [][]moment{all[:len(all)/2], all[len(all)/2:]} {
		if len(half) == 0 {
			continue
		}
		w := &reviewer{t: t, initrd: initrd, r: r, dir: t.TempDir(), claims: newClaims()}
		both.Go(func() {
			if err := w.review(half); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			o.add(&w.outcome)
			o.texts = append(o.texts, w.texts...)
		})
	}
	both.Wait()
	return &o
}

// reviewer goes through moments with a machine.
type reviewer struct {
	outcome
	t      testing.TB
	initrd string
	r      *recording
	dir    string
	m      *machine
	claims *claims
	lines  int // so many are claimed
}

func (w *reviewer) review(all []moment) error {
	for _, at := range all {
		if w.m == nil {
			if err := w.boot(); err != nil {
				return err
			}
		}
		w.r.claimed(w.claims, w.lines, at.lines)
		w.lines = at.lines
		w.one(at)
	}
	if w.m != nil {
		w.m.kill()
	}
	return nil
}

// boot starts a machine with the disk as it was before the first write.
func (w *reviewer) boot() error {
	disk, cow := filepath.Join(w.dir, "disk"), filepath.Join(w.dir, "cow")
	if err := copyFile(w.r.base, disk); err != nil {
		return err
	}
	if err := sparse(cow, diskBytes); err != nil {
		return err
	}
	var err error
	w.m, err = boot(w.t, w.initrd, disk, w.r.log+",readonly=on", cow)
	return err
}

// one has the store judged at one moment.
func (w *reviewer) one(at moment) {
	c := w.claims.clone()
	c.stopped(time.Hour)
	a, err := w.m.try(errand{Do: "state", State: at.diskState, Job: job{Dir: guestDir, Commands: slices.Collect(maps.Keys(c.begun))}})
	w.states++
	w.durable += len(c.durable)
	if at.Partial != 0 {
		w.unsynced++
	}
	where := fmt.Sprintf("%s, entry %d of %d, part %d, line %d", w.r.name, at.Entries, len(w.r.entries), at.Partial, at.lines)
	switch {
	case err != nil:
		w.died++
		w.texts = append(w.texts, where+": "+err.Error())
		w.m = nil // the next state takes another
		return
	case a.Err != "":
		w.bad++
		w.faults++
		if a.Finding != nil {
			a.Err += "; the judge: " + few(a.Finding.Faults)
		}
		w.texts = append(w.texts, where+": "+a.Err)
		w.m.kill() // the mapping of a file that broke stays, and keeps the disk busy
		w.m = nil
		return
	}
	w.slowest = max(w.slowest, a.Finding.Opened)
	v := c.compare(a.Finding, false)
	if a.Aside > 0 {
		w.aside++
		v.faults = append(v.faults, setAside)
	}
	if v.bad() != nil {
		w.bad++
		w.lost, w.late, w.forgot = w.lost+len(v.lost), w.late+len(v.late), w.forgot+len(v.forgot)
		w.wrong, w.faults = w.wrong+len(v.wrong), w.faults+len(v.faults)
		w.texts = append(w.texts, fmt.Sprintf("%s: %q", where, v.bad()))
	}
}

// TestKernelLogWritesCatchesCheats: a store that does not sync is found out.
func TestKernelLogWritesCatchesCheats(t *testing.T) {
	needKernel(t)
	rnd := rand.New(rand.NewPCG(*seed, 7))
	initrd := initramfs(t)
	l := powerLoad(rnd, 60)
	l.NoSync, l.Drain = true, drainNot
	r := recordDisk(t, initrd, "NoSync", l)
	o := r.judge(t, initrd, sample(r.moments(0), 10, rnd))
	if o.lost == 0 {
		t.Errorf("nothing is missing in %d states, seed %d: %q", o.states, *seed, o.texts)
	}
	table(t, "dm-log-writes, cheats to be caught", [][]string{outcomeHead, o.row("NoSync")})
}
