package main

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"fieldpost/bench/report"
)

// A source of one reading a second, committed every 5 s.
const (
	slowEvery = 5 * time.Second
	slowGroup = 5
)

// youngFile is how many readings went through a file that counts as fresh.
const youngFile = 10_000

// backlogPart measures a long time without a link: a queue of b.backlog readings.
func (b *bench) backlogPart() error {
	dir, err := b.workDir("backlog")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.progress("filling %d readings", b.backlog)
	if _, err := b.run(task{Name: "fill", Dir: dir, Count: b.backlog, Group: b.group}, nil, ""); err != nil {
		return err
	}
	if err := b.diskShare(dir); err != nil {
		return err
	}
	if err := b.cleanOpens(dir); err != nil {
		return err
	}
	if err := b.uncleanOpens(dir); err != nil {
		return err
	}
	fresh, err := b.freshCommits()
	if err != nil {
		return err
	}
	b.progress("draining %d readings", b.backlog)
	a, err := b.run(task{Name: "drain", Dir: dir, Group: slowGroup, Device: b.dev}, nil, "")
	if err != nil {
		return err
	}
	f := &b.figures
	share := a.Peak.RSS - a.Base.RSS
	f.AtMost("draining the backlog, store's share of RSS, MB", 25, float64(share)/mb, fmt.Sprintf("peak %s MB, of which %s before the store was made; at the end anonymous %s, mapped %s", report.Num(float64(a.Peak.RSS)/mb), report.Num(float64(a.Base.RSS)/mb), report.Num(float64(a.Drained.Anon)/mb), report.Num(float64(a.Drained.File)/mb)))
	f.AtMost("commit after the drain, times a young file's", 1.3, a.Freshly.Bytes/fresh.Bytes, fmt.Sprintf("%s against %s bytes, %d readings a commit, %d waiting", report.Num(a.Freshly.Bytes), report.Num(fresh.Bytes), slowGroup, kept))
	note := fmt.Sprintf("%s MiB when the last reading was taken, after %s s", report.Num(float64(a.FileEmpty)/mib), report.Num(a.Shrunk))
	f.AtMost("file within 60 s of being empty, MiB", 32, float64(a.FileEnd)/mib, note)
	return nil
}

func (b *bench) diskShare(dir string) error {
	info, err := os.Stat(queueFile(dir))
	if err != nil {
		return err
	}
	size := info.Size()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		size = max(size, st.Blocks*512)
	}
	payload := float64(b.backlog * payloadBytes)
	b.figures.AtMost("disk, bytes per payload byte", 0.4, float64(size)/payload, fmt.Sprintf("file of %s MB for %s MB", report.Num(float64(size)/mb), report.Num(payload/mb)))
	return nil
}

// cleanOpens opens the closed file with a cold cache; the last one is killed.
func (b *bench) cleanOpens(dir string) error {
	var ready []float64
	var last answer
	for i := range b.rounds {
		b.progress("opening after a clean stop, round %d", i+1)
		if err := b.dev.forget(); err != nil {
			return err
		}
		a, err := b.run(task{Name: "open", Dir: dir, Group: b.group, Kill: i == b.rounds-1}, nil, "")
		if err != nil {
			return err
		}
		ready = append(ready, a.Ready)
		last = a
	}
	slices.Sort(ready)
	f := &b.figures
	f.AtMost("open after a clean stop, ms", 50, ready[len(ready)/2]*1000, "cold cache, no throttle, median")
	idle := last.Idle.RSS - last.Base.RSS
	f.AtMost("idle with the backlog, store's share of RSS, MB", 15, float64(idle)/mb, fmt.Sprintf("%s MB, of which %s before the store was made; anonymous %s", report.Num(float64(last.Idle.RSS)/mb), report.Num(float64(last.Base.RSS)/mb), report.Num(float64(last.Idle.Anon)/mb)))
	return nil
}

// uncleanOpens opens the file of a killed process, as fast as the machine can and
// as slowly as a card would.
func (b *bench) uncleanOpens(dir string) error {
	f := &b.figures
	b.progress("opening after a kill")
	if err := b.dev.forget(); err != nil {
		return err
	}
	a, err := b.run(task{Name: "open", Dir: dir, Group: b.group, Append: true, Kill: true}, nil, "")
	if err != nil {
		return err
	}
	f.Info("open after a kill, no throttle, s", a.Ready, "cold cache")
	idle := a.Idle.RSS - a.Base.RSS
	f.Info("idle after an open of that kind, store's share of RSS, MB", float64(idle)/mb, "")

	name := fmt.Sprintf("open after a kill at %d IOPS and %d MB/s, s", cardIOPS, int(cardRate/mb))
	const target = "<= 3"
	numbers, err := b.dev.numbers()
	if err != nil {
		return err
	}
	limit, err := newThrottle(b.cgroup, numbers)
	if err != nil {
		b.progress("no throttle: %v", err)
		f.Open(name, target, "this machine cannot throttle a device; see the line above")
		return nil
	}
	defer limit.remove()
	if err := b.dev.forget(); err != nil {
		return err
	}
	b.progress("opening after a kill, throttled")
	probe, err := b.run(task{Name: "probe", Dir: dir, Count: 3000}, limit, "")
	if err != nil {
		return err
	}
	if err := b.dev.forget(); err != nil {
		return err
	}
	if a, err = b.run(task{Name: "open", Dir: dir, Group: b.group, Append: true}, limit, ""); err != nil {
		return err
	}
	f.Judge(name, target, report.Num(a.Ready), a.Ready <= 3, fmt.Sprintf("cold cache; single pages came at %s a second", report.Rate(probe.IOPS)))
	f.Judge("first Append of that start, ms", "before it is open", report.Num(a.Taken*1000), a.Taken < a.Ready, "identity read and written, throttled too")
	return nil
}

// freshCommits measures the same commits in a young file with as few readings. It
// has some room to recycle, as the drained one has: allocating would make it dearer.
func (b *bench) freshCommits() (paced, error) {
	dir, err := b.workDir("fresh")
	if err != nil {
		return paced{}, err
	}
	defer os.RemoveAll(dir)
	q, err := startQueue(queueOptions(dir), false)
	if err != nil {
		return paced{}, err
	}
	s := newSampler(17)
	if err := fill(q, s, youngFile, b.group); err != nil {
		return paced{}, err
	}
	if err := q.drain(youngFile - kept); err != nil {
		return paced{}, err
	}
	p, err := b.pacedCommits(q, dir, s, slowGroup, pacedCount, slowEvery)
	if err != nil {
		return p, err
	}
	return p, q.close()
}
