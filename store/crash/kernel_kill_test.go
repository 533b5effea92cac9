//go:build linux && proof

package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// killedMachine is one disk and the machines that die on it.
type killedMachine struct {
	t      testing.TB
	initrd string
	disk   string
	claims *claims
}

func newKilledMachine(t testing.TB, initrd string) *killedMachine {
	k := &killedMachine{t: t, initrd: initrd, disk: filepath.Join(t.TempDir(), "disk"), claims: newClaims()}
	newDisk(t, k.disk)
	return k
}

// plug starts a machine that has the disk.
func (k *killedMachine) plug() *machine {
	k.t.Helper()
	m, err := boot(k.t, k.initrd, k.disk)
	if err != nil {
		k.t.Fatal(err)
	}
	m.mark = k.claims.mark
	return m
}

// boot mounts the disk too, which replays its journal.
func (k *killedMachine) boot() *machine {
	k.t.Helper()
	m := k.plug()
	m.do(errand{Do: "mount", Device: "/dev/vda"})
	return m
}

// load lets an agent run, and the machine die under it after so many marks.
func (k *killedMachine) load(m *machine, l load, marks int) {
	k.t.Helper()
	m.do(errand{Do: "agent", Load: l})
	m.follow(marks)
	m.cut()
	k.claims.stopped(l.CommitEvery)
}

// stopped closes the run of an agent in a machine whose clock the host does not
// have: its end is not before the last thing it accepted.
func (c *claims) stopped(every time.Duration) {
	var last time.Time
	for _, a := range c.acked {
		if a.run == c.run && a.at.After(last) {
			last = a.at
		}
	}
	c.ended(last, every)
}

// judge has the mounted store judged, and the outcome compared with the claims.
func (k *killedMachine) judge(m *machine, damaged bool) (*verdict, answer, error) {
	k.t.Helper()
	a, err := m.try(errand{Do: "judge", Job: job{Dir: guestDir, Commands: slices.Collect(maps.Keys(k.claims.begun))}})
	if err != nil {
		return nil, a, err
	}
	return k.claims.compare(a.Finding, damaged), a, nil
}

// guestLoad is what an agent does in a machine: commits take longer there.
func guestLoad(rnd *rand.Rand) load {
	l := killLoad(rnd, guestDir)
	l.CommitEvery = []time.Duration{50, 200, 1000}[rnd.IntN(3)] * time.Millisecond
	return l
}

// setAside is a fault where the disk has kept all that it was told to keep.
const setAside = "a file was set aside: it was not whole"

// TestKernelKill: what the store called durable is there after the machine died
// under it, and ext4 has replayed its journal.
func TestKernelKill(t *testing.T) {
	needKernel(t)
	rnd := rand.New(rand.NewPCG(*seed, 5))
	k := newKilledMachine(t, initramfs(t))
	var total verdict
	judged, durable, accepted, aside := 0, 0, 0, 0
	var slowest time.Duration
	for round := range *rounds + 1 {
		m := k.boot()
		// What one agent leaves is judged, or the next one goes on with it.
		if round == *rounds || round > 0 && rnd.IntN(2) == 0 {
			durable, accepted = durable+len(k.claims.durable), accepted+len(k.claims.acking)
			v, a, err := k.judge(m, false)
			if err != nil {
				t.Fatalf("round %d, seed %d: %v", round, *seed, err)
			}
			if a.Aside > 0 {
				v.faults = append(v.faults, setAside)
			}
			if bad := v.bad(); bad != nil {
				t.Errorf("round %d, seed %d: %q", round, *seed, bad)
			}
			total.add(v)
			judged, aside, slowest = judged+1, aside+a.Aside, max(slowest, a.Finding.Opened)
			k.claims.taken(a.Finding)
		}
		if round < *rounds {
			k.load(m, guestLoad(rnd), 5+rnd.IntN(300))
		} else {
			m.kill()
		}
	}
	if *rounds > 5 && (durable == 0 || accepted == 0 || len(k.claims.begun) == 0) { // fewer may all come early
		t.Fatalf("the agents did nothing: %d durable, %d accepted, %d commands", durable, accepted, len(k.claims.begun))
	}
	table(t, "SIGKILL of the machine", [][]string{
		{"rounds", "judged", "marks", "durable", "lost", "wrong", "accepted", "again", "too late", "commands", "forgotten", "other faults", "set aside", "slowest open"},
		{fmt.Sprint(*rounds), fmt.Sprint(judged), fmt.Sprint(k.claims.marks), fmt.Sprint(durable), fmt.Sprint(len(total.lost)), fmt.Sprint(len(total.wrong)), fmt.Sprint(accepted),
			fmt.Sprint(k.claims.again), fmt.Sprint(len(total.late)), fmt.Sprint(len(k.claims.begun)), fmt.Sprint(len(total.forgot)), fmt.Sprint(len(total.faults)), fmt.Sprint(aside),
			fmt.Sprint(slowest.Round(time.Millisecond))},
	})
}

func (v *verdict) add(w *verdict) {
	v.lost, v.wrong, v.late = append(v.lost, w.lost...), append(v.wrong, w.wrong...), append(v.late, w.late...)
	v.forgot, v.faults = append(v.forgot, w.forgot...), append(v.faults, w.faults...)
	v.came, v.unsure = v.came+w.came, v.unsure+w.unsure
}

// TestKernelKillCatchesCheats: a store that does not sync is found out, and so is an
// agent that lies.
func TestKernelKillCatchesCheats(t *testing.T) {
	needKernel(t)
	initrd := initramfs(t)
	rows := [][]string{{"cheat", "durable", "lost", "forgotten"}}
	for name, l := range map[string]load{
		"NoSync": {NoSync: true, CommitEvery: 20 * time.Millisecond, CommitBytes: 8 << 10, MaxMemory: 4 << 20},
		"a lie":  {Lie: true, CommitEvery: time.Minute, CommitBytes: 8 << 20, MaxMemory: 32 << 20, Quiet: true},
	} {
		k := newKilledMachine(t, initrd)
		l.Dir, l.Seed = guestDir, *seed
		k.load(k.boot(), l, 200)
		m := k.boot()
		v, _, err := k.judge(m, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.lost) == 0 {
			t.Errorf("%s: %d records were said to be durable, and none is missing: %q", name, len(k.claims.durable), v.bad())
		}
		rows = append(rows, []string{name, fmt.Sprint(len(k.claims.durable)), fmt.Sprint(len(v.lost)), fmt.Sprint(len(v.forgot))})
		m.kill()
	}
	table(t, "SIGKILL of the machine, cheats to be caught", rows)
}
