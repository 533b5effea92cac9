package main

import (
	"fmt"
	"os"
	"time"

	"fieldpost/bench/report"
	"fieldpost/store"
)

const (
	pacedBacklog = 20_000 // readings waiting while a slow source goes on: five hours and a half
	pacedWarm    = 20
	pacedCount   = 200
)

// paced is what commits cost that are seconds apart.
type paced struct {
	Bytes, Flushes float64 // per commit
}

// pacedCommits makes commits of n readings each, as if every apart.
func (b *bench) pacedCommits(q peer, dir string, s *sampler, n, commits int, every time.Duration) (paced, error) {
	l := lull{dev: b.dev, dir: dir, every: every}
	once := func() error {
		l.tick()
		if err := q.enqueue(s.group(n)); err != nil {
			return err
		}
		return l.pass()
	}
	for range pacedWarm {
		if err := once(); err != nil {
			return paced{}, err
		}
	}
	u, err := b.dev.measure(func() error {
		for range commits {
			if err := once(); err != nil {
				return err
			}
		}
		return nil
	})
	return paced{float64(u.bytes) / float64(commits), float64(u.flushes) / float64(commits)}, err
}

// idleLine is one way to keep one reading a second while the link is down.
type idleLine struct {
	layout string
	every  int // seconds between commits
}

// idle measures a gateway that takes one reading a second and has no link.
func (b *bench) idle() error {
	lines := []idleLine{
		{layout: nameInPlace, every: 5}, {layout: nameRaw, every: 5},
		{layout: nameStore, every: 5}, {layout: nameStore, every: 30},
		{layout: nameOTel, every: 5}, {layout: nameOTel, every: 1}, {layout: nameTelegraf, every: 1},
	}
	t := report.Table{Head: []string{"layout", "readings per commit", "bytes per commit", "flushes", "MB/h", "GB/year"}}
	for _, line := range lines {
		b.progress("one reading a second, %s every %d s", line.layout, line.every)
		p, err := b.idleOf(line)
		if err != nil {
			return fmt.Errorf("%s every %d s: %w", line.layout, line.every, err)
		}
		hour := p.Bytes * 3600 / float64(line.every) / mb
		t.Add(line.layout, fmt.Sprint(line.every), report.Num(p.Bytes), report.Num(p.Flushes), report.Num(hour), report.Num(hour*24*365/1000))
		switch {
		case line.layout == nameStore && line.every == 5:
			b.figures.AtMost("offline at 1 reading/s, commit every 5 s, MB/h", 26, hour, "from paced commits; a commit comes a little later than its interval")
		case line.layout == nameStore:
			b.figures.AtMost("offline at 1 reading/s, preset sd (30 s), MB/h", 5, hour, "from paced commits; a commit comes a little later than its interval")
		}
	}
	b.out.Section(fmt.Sprintf("One reading a second without a link, %d readings waiting", pacedBacklog))
	b.out.Table(t)
	b.out.Line("\nBytes of %d real commits times commits per hour. In place of the pause between them the journal of the file system is written out after each, and its tables as often as the kernel would. Telegraf and the last OpenTelemetry line commit each reading by itself, as they do by default.", pacedCount)
	return nil
}

func (b *bench) idleOf(line idleLine) (paced, error) {
	l, err := layoutNamed(line.layout)
	if err != nil {
		return paced{}, err
	}
	dir, err := b.workDir("idle")
	if err != nil {
		return paced{}, err
	}
	defer os.RemoveAll(dir)
	s := newSampler(uint64(line.every))
	q, err := b.backlogOf(l, dir, s, line.every)
	if err != nil {
		return paced{}, err
	}
	p, err := b.pacedCommits(q, dir, s, line.every, pacedCount, time.Duration(line.every)*time.Second)
	if err != nil {
		return p, err
	}
	return p, q.close()
}

// backlogOf opens the layout with pacedBacklog readings waiting in it, n to a commit.
func (b *bench) backlogOf(l layout, dir string, s *sampler, n int) (peer, error) {
	o := openOptions{room: payloadBytes * (pacedBacklog + 100*(pacedWarm+pacedCount))}
	open := l.open
	if l.bulk != nil {
		open = func(dir string, _ openOptions) (peer, error) { return l.bulk(dir) }
	}
	q, err := open(dir, o)
	if err != nil {
		return nil, err
	}
	if err := fill(q, s, pacedBacklog, n); err != nil || l.bulk == nil {
		return q, err
	}
	if err := q.close(); err != nil {
		return nil, err
	}
	return l.open(dir, o)
}

// handOff measures the same gateway with a link that takes every reading at once,
// for several commit intervals of real time.
func (b *bench) handOff() error {
	const every, interval, intervals = 100 * time.Millisecond, 2 * time.Second, 5
	b.progress("hand-off with the link up, %s", interval*intervals)
	n, commits, err := b.handOffFor(store.Options{CommitEvery: interval, DailyWrites: 1 << 50}, every, interval*intervals)
	if err != nil {
		return err
	}
	b.figures.AtMost("link up, bytes written", 0, float64(n), fmt.Sprintf("%d commit intervals of %s, a reading every %s; %d commits", intervals, interval, every, commits))
	return nil
}

// handOffFor appends and accepts a reading every so often, and returns what the
// device was given and the commits made meanwhile.
func (b *bench) handOffFor(o store.Options, every, long time.Duration) (bytes int64, commits uint64, err error) {
	dir, err := b.workDir("handoff")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	o.Dir = dir
	q, err := startQueue(o, false)
	if err != nil {
		return 0, 0, err
	}
	s := newSampler(3)
	if err := q.enqueue(s.group(1)); err != nil {
		return 0, 0, err
	}
	if err := q.drain(1); err != nil {
		return 0, 0, err
	}
	before := q.s.Stats().Commits
	u, err := b.dev.measure(func() error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for end := time.Now().Add(long); time.Now().Before(end); <-tick.C {
			if err := q.append(s.group(1)); err != nil {
				return err
			}
			if err := q.takeOne(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	commits = q.s.Stats().Commits - before
	return u.bytes, commits, q.close()
}
