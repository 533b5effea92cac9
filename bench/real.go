package main

import (
	"fmt"
	"os"
	"time"

	"fieldpost/bench/report"
	"fieldpost/store"
)

// real watches the clock instead of counting commits: one reading a second for a
// while, with the store's own interval.
func (b *bench) real(long time.Duration) error {
	t := report.Table{Head: []string{"case", "s", "commits", "bytes", "store's estimate", "MB/h"}}
	for _, c := range []struct {
		name   string
		o      store.Options
		target float64
	}{
		{"no link, commit every 5 s", store.Options{CommitEvery: 5 * time.Second, DailyWrites: 1 << 50}, 26},
		{"no link, preset sd", store.Options{Preset: "sd"}, 5},
	} {
		b.progress("%s, %s of real time", c.name, long)
		got, err := b.offlineFor(c.o, long)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		t.Add(c.name, report.Num(got.wall.Seconds()), fmt.Sprint(got.commits), fmt.Sprint(got.bytes), fmt.Sprint(got.estimate), report.Num(got.hourly()))
		b.figures.AtMost("1 reading/s by the clock, "+c.name+", MB/h", c.target, got.hourly(), fmt.Sprintf("%d commits in %s s", got.commits, report.Num(got.wall.Seconds())))
	}
	b.progress("link up, preset sd, %s of real time", long)
	n, commits, err := b.handOffFor(store.Options{Preset: "sd"}, time.Second, long)
	if err != nil {
		return err
	}
	t.Add("link up, preset sd", report.Num(long.Seconds()), fmt.Sprint(commits), fmt.Sprint(n), "-", report.Num(float64(n)/long.Hours()/mb))
	b.figures.AtMost("1 reading/s by the clock, link up, preset sd, bytes", 0, float64(n), fmt.Sprintf("%s, %d commits", long, commits))
	b.out.Section("One reading a second by the clock, no link but in the last line")
	b.out.Table(t)
	return nil
}

// clocked is what was written while a clock ran.
type clocked struct {
	usage
	commits  uint64
	estimate int64 // of the store
}

func (c clocked) hourly() float64 { return float64(c.bytes) / c.wall.Hours() / mb }

// offlineFor appends a reading a second for at least so long, and ends with a
// commit, as it began with one: a part of an interval would count for nothing.
func (b *bench) offlineFor(o store.Options, long time.Duration) (clocked, error) {
	dir, err := b.workDir("real")
	if err != nil {
		return clocked{}, err
	}
	defer os.RemoveAll(dir)
	s := newSampler(5)
	l, err := layoutNamed(nameStore)
	if err != nil {
		return clocked{}, err
	}
	q, err := b.backlogOf(l, dir, s, 5)
	if err != nil {
		return clocked{}, err
	}
	if err := q.close(); err != nil {
		return clocked{}, err
	}
	o.Dir, o.MaxBytes = dir, 400<<20
	own, err := startQueue(o, false)
	if err != nil {
		return clocked{}, err
	}
	if err := own.enqueue(s.group(1)); err != nil {
		return clocked{}, err
	}
	st := own.s.Stats()
	u, err := b.dev.measure(func() error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		last := st.Commits
		for end := time.Now().Add(long); ; <-tick.C {
			now := own.s.Stats().Commits
			if now != last && time.Now().After(end) {
				return nil
			}
			last = now
			if err := own.append(s.group(1)); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return clocked{}, err
	}
	end := own.s.Stats()
	return clocked{u, end.Commits - st.Commits, end.WrittenToday - st.WrittenToday}, own.close()
}
