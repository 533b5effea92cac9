//go:build linux && proof

package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldpost/store"
)

// What a mapped disk does with writes.
const (
	keepsWrites = "DEVICE 0 1 0"
	dropsWrites = "DEVICE 0 0 1 1 drop_writes" // and says that they are done
)

// TestKernelLies: a disk that drops writes for a while and says that it has them
// costs records. The store opens nevertheless, gives out nothing wrong, and where it
// saw that something is gone it calls commands unsure that it does not know.
func TestKernelLies(t *testing.T) {
	needKernel(t)
	rnd := rand.New(rand.NewPCG(*seed, 8))
	initrd := initramfs(t)
	var o lied
	for n := range *lies {
		o.one(t, initrd, n, rnd)
	}
	if o.lost == 0 {
		t.Errorf("nothing is missing of %d records: the disk told the truth; seed %d", o.durable, *seed)
	}
	table(t, "dm-flakey, drop_writes", [][]string{
		{"disks", "intervals", "durable", "lost (allowed)", "wrong", "commands", "known", "unsure", "rolled back (allowed)", "forgotten", "other faults", "set aside", "slowest open"},
		{fmt.Sprint(*lies), fmt.Sprint(o.intervals), fmt.Sprint(o.durable), fmt.Sprint(o.lost), fmt.Sprint(o.wrong), fmt.Sprint(o.commands),
			fmt.Sprint(o.commands - o.unsure - o.rolled - o.forgot), fmt.Sprint(o.unsure), fmt.Sprint(o.rolled), fmt.Sprint(o.forgot), fmt.Sprint(o.faults), fmt.Sprint(o.aside),
			fmt.Sprint(o.slowest.Round(time.Millisecond))},
	})
}

// lied sums up what became of stores on lying disks.
type lied struct {
	intervals, durable, lost, wrong, faults, aside int
	commands, unsure, rolled, forgot               int
	slowest                                        time.Duration
}

func (o *lied) one(t *testing.T, initrd string, n int, rnd *rand.Rand) {
	t.Helper()
	k := newKilledMachine(t, initrd)
	o.load(k, n == 0, rnd)
	if err := repair(k.disk); err != nil {
		t.Errorf("disk %d, seed %d: %v", n, *seed, err)
		return
	}
	m := k.boot()
	clear(k.claims.settled) // what was accepted may come again
	v, a, err := k.judge(m, true)
	if err != nil {
		o.faults++
		t.Errorf("disk %d, seed %d: %v", n, *seed, err)
		return
	}
	m.kill()
	for id := range a.Finding.Records {
		if _, ok := k.claims.appended[id]; !ok && !result(id) {
			v.wrong = append(v.wrong, id+" was never appended")
		}
	}
	// A file that is whole, and as it was before, does not tell that it was
	// anything else later. A command whose outcome went is not executed again: it is
	// known to have begun.
	noticed := a.Aside > 0 || slices.Contains(a.Before, "identity") && !slices.Contains(a.Before, "queue.db")
	v.forgot = slices.DeleteFunc(v.forgot, func(text string) bool {
		id, _, _ := strings.Cut(text, " ")
		back := !noticed || a.Finding.Commands[id] == store.PhaseStarted.String()
		if back {
			o.rolled++
		}
		return back
	})
	o.durable, o.lost, o.wrong, o.faults = o.durable+len(k.claims.durable), o.lost+len(v.lost), o.wrong+len(v.wrong), o.faults+len(v.faults)
	o.commands, o.unsure, o.forgot = o.commands+len(k.claims.begun), o.unsure+v.unsure, o.forgot+len(v.forgot)
	o.aside, o.slowest = o.aside+a.Aside, max(o.slowest, a.Finding.Opened)
	v.lost = nil
	if bad := v.bad(); bad != nil {
		t.Errorf("disk %d, with %q before the judge, seed %d: %q", n, a.Before, *seed, bad)
	}
}

// load lets an agent run while the disk lies now and then, and the machine die. To
// be sure that something is missing, the disk may lie to the end.
func (o *lied) load(k *killedMachine, toTheEnd bool, rnd *rand.Rand) {
	k.t.Helper()
	m := k.plug()
	flaky := errand{Do: "map", Name: "flaky", Device: "/dev/vda", Kind: "flakey", Params: keepsWrites}
	m.do(errand{Do: "mount", Device: m.do(flaky).Node})
	flaky.Do = "remap"
	l := guestLoad(rnd)
	if toTheEnd {
		l.Drain, l.Quiet = drainNot, false
	}
	m.do(errand{Do: "agent", Load: l})
	m.follow(5 + rnd.IntN(150))
	for range 1 + rnd.IntN(3) {
		o.intervals++
		flaky.Params = dropsWrites
		m.do(flaky)
		m.follow(10 + rnd.IntN(100))
		if toTheEnd {
			break
		}
		flaky.Params = keepsWrites
		m.do(flaky)
		m.follow(rnd.IntN(100))
	}
	m.cut()
	k.claims.stopped(l.CommitEvery)
}

// repair has the disk checked, as a system does before it mounts one.
func repair(disk string) error {
	out, err := exec.Command("e2fsck", "-f", "-y", disk).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 4 {
		return nil // the journal was replayed, or errors were corrected
	}
	if err != nil {
		return fmt.Errorf("e2fsck: %w: %s", err, out)
	}
	return nil
}
