package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"fieldpost/bench/report"
)

// pass is one filling and one draining of a layout.
type pass struct {
	enqueue, drain     usage
	enqueued, drained  int
	commits            int
	storeCommits, sync uint64 // as the store counts them itself
}

// passes are the rounds of one layout: into a fresh folder, and again into the
// same folder once it is empty.
type passes struct {
	layout            layout
	growing, recycled []pass
}

// compare fills and drains every layout in turn, as often as asked. Rounds are
// interleaved, so that a machine that is slow for a while is slow for all.
func (b *bench) compare() ([]passes, error) {
	all := make([]passes, 0, 5)
	for _, l := range layouts() {
		all = append(all, passes{layout: l})
	}
	for round := range b.rounds {
		for i := range all {
			if err := b.round(&all[i], uint64(round)); err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].layout.name, err)
			}
		}
	}
	return all, nil
}

func (b *bench) round(p *passes, seed uint64) error {
	dir, err := os.MkdirTemp(b.dev.Mount, "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.progress("%s, round %d", p.layout.name, seed+1)
	got, err := b.pass(p.layout, dir, seed)
	if err != nil {
		return err
	}
	p.growing = append(p.growing, got)
	if !p.layout.recycles {
		return nil
	}
	got, err = b.pass(p.layout, dir, seed+1000)
	if err != nil {
		return fmt.Errorf("again: %w", err)
	}
	p.recycled = append(p.recycled, got)
	return nil
}

// pass fills the folder and, reopened, drains it.
func (b *bench) pass(l layout, dir string, seed uint64) (pass, error) {
	s := newSampler(seed)
	p := pass{enqueued: b.messages, drained: b.messages}
	if l.bulk != nil {
		p.enqueued = b.messages / 10
	}
	p.commits = p.enqueued / b.group
	if l.single {
		p.commits = p.enqueued
	}
	o := openOptions{room: int64(b.messages * payloadBytes)}
	q, err := l.open(dir, o)
	if err != nil {
		return p, err
	}
	own, isOurs := q.(*queue)
	if isOurs {
		st := own.s.Stats()
		p.storeCommits, p.sync = st.Commits, st.Syncs
	}
	p.enqueue, err = b.dev.measure(func() error { return fill(q, s, p.enqueued, b.group) })
	if err != nil {
		return p, fmt.Errorf("enqueue: %w", err)
	}
	if isOurs {
		st := own.s.Stats()
		p.storeCommits, p.sync = st.Commits-p.storeCommits, st.Syncs-p.sync
	}
	if err := q.close(); err != nil {
		return p, err
	}
	if l.bulk != nil {
		if q, err = l.bulk(dir); err != nil {
			return p, err
		}
		if err := fill(q, s, b.messages-p.enqueued, b.group); err != nil {
			return p, err
		}
		if err := q.close(); err != nil {
			return p, err
		}
	}
	if q, err = l.open(dir, openOptions{}); err != nil {
		return p, fmt.Errorf("reopen: %w", err)
	}
	if p.drain, err = b.dev.measure(func() error { return q.drain(p.drained) }); err != nil {
		return p, fmt.Errorf("drain: %w", err)
	}
	return p, q.close()
}

func fill(q peer, s *sampler, n, group int) error {
	for ; n > 0; n -= group {
		if err := q.enqueue(s.group(min(n, group))); err != nil {
			return err
		}
	}
	return nil
}

// cost is the median of the rounds.
type cost struct {
	enqueueWA, drainWA     float64
	enqueueRate, drainRate float64 // readings a second
	enqueueFlush           float64 // per reading
	drainFlush             float64
	flushPerCommit         float64
	syncPerCommit          float64 // as the store counts them; 0 for others
}

func (c cost) whole() float64 { return c.enqueueWA + c.drainWA }

func median(ps []pass) cost {
	over := func(f func(pass) float64) float64 {
		v := make([]float64, len(ps))
		for i, p := range ps {
			v[i] = f(p)
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	payload := func(n int) float64 { return float64(n * payloadBytes) }
	return cost{
		enqueueWA:      over(func(p pass) float64 { return float64(p.enqueue.bytes) / payload(p.enqueued) }),
		drainWA:        over(func(p pass) float64 { return float64(p.drain.bytes) / payload(p.drained) }),
		enqueueRate:    over(func(p pass) float64 { return float64(p.enqueued) / p.enqueue.wall.Seconds() }),
		drainRate:      over(func(p pass) float64 { return float64(p.drained) / p.drain.wall.Seconds() }),
		enqueueFlush:   over(func(p pass) float64 { return float64(p.enqueue.flushes) / float64(p.enqueued) }),
		drainFlush:     over(func(p pass) float64 { return float64(p.drain.flushes) / float64(p.drained) }),
		flushPerCommit: over(func(p pass) float64 { return float64(p.enqueue.flushes) / float64(p.commits) }),
		syncPerCommit:  over(func(p pass) float64 { return float64(p.sync) / max(float64(p.storeCommits), 1) }),
	}
}

// reportCompare prints the table of all layouts and the figures to reach.
func (b *bench) reportCompare(all []passes) {
	t := report.Table{Head: []string{"layout", "enqueue WA", "flush/msg", "drain WA", "flush/msg", "both WA", "enqueue msg/s", "drain msg/s"}}
	row := func(name string, c cost) {
		t.Add(name, report.Num(c.enqueueWA), report.Num(c.enqueueFlush), report.Num(c.drainWA), report.Num(c.drainFlush), report.Num(c.whole()), report.Rate(c.enqueueRate), report.Rate(c.drainRate))
	}
	costs := map[string]cost{}
	for _, p := range all {
		c := median(p.growing)
		costs[p.layout.name] = c
		name := p.layout.name
		if p.layout.recycles {
			name += ", growing"
		}
		row(name, c)
		if p.layout.recycles {
			c := median(p.recycled)
			costs[p.layout.name+" again"] = c
			row(p.layout.name+", recycled", c)
		}
	}
	b.out.Section(fmt.Sprintf("Telemetry alone, groups of %d x %d B, %d readings, median of %d rounds", b.group, payloadBytes, b.messages, b.rounds))
	b.out.Table(t)

	ours, again := costs[nameStore], costs[nameStore+" again"]
	otel, otelAgain, tele := costs[nameOTel], costs[nameOTel+" again"], costs[nameTelegraf]
	raw, inPlace := costs[nameRaw], costs[nameInPlace]
	f := &b.figures
	f.AtMost("write amplification, recycled pages", 1.5, again.enqueueWA, "")
	f.AtMost("write amplification, growing file", 2.6, ours.enqueueWA, "")
	f.AtMost("drain, bytes written per payload byte", 0.05, max(ours.drainWA, again.drainWA), "")
	f.AtLeast("enqueue + drain, times less than OpenTelemetry, growing", 5, otel.whole()/ours.whole(), "")
	f.AtLeast("enqueue + drain, times less than OpenTelemetry, recycled", 5, otelAgain.whole()/again.whole(), "")
	f.AtLeast("enqueue + drain, times less than Telegraf", 40, tele.whole()/ours.whole(), "growing")
	f.AtLeast("drain rate, times OpenTelemetry's", 5, min(ours.drainRate/otel.drainRate, again.drainRate/otelAgain.drainRate), "the lesser of growing and recycled")
	f.AtMost("device flushes per commit, recycled pages", 2.1, again.flushPerCommit, "")
	f.Info("device flushes per commit, growing file", ours.flushPerCommit, "ext4 allocates")
	f.AtMost("file syncs per commit, as Stats tells", 2.1, again.syncPerCommit, "recycled pages")
	f.Info("one fdatasync on this machine, ms", 1000*float64(b.group)/inPlace.enqueueRate, "raw in place; 5 to 50 on cards, where it alone sets every rate but the store's drain")
	f.Info("enqueue rate, share of raw append's", ours.enqueueRate/raw.enqueueRate, "growing")
	f.Info("enqueue rate, share of raw in place", again.enqueueRate/inPlace.enqueueRate, "recycled")
	f.Info("enqueue rate, times OpenTelemetry's", ours.enqueueRate/otel.enqueueRate, "growing")
}

// workDir makes a folder of the given name on the device, empty.
func (b *bench) workDir(name string) (string, error) {
	dir := filepath.Join(b.dev.Mount, name)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.Mkdir(dir, 0o700)
}
