package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fieldpost/bench/desk"
	"fieldpost/bench/report"
)

// measured is the median of the rounds of a case.
type measured struct {
	rate float64 // messages a second
	cpu  float64 // us a message
	peak float64 // MiB
}

// rounds runs every peer once a round, so that all of them meet the same machine.
func (b *bench) compare(ctx context.Context, title, address string, count func(peer) int) (map[string]measured, error) {
	all := map[string][]measured{}
	for round := range b.rounds {
		for _, p := range b.peers() {
			n := count(p)
			b.progress("%s, round %d: %s, %d messages", title, round+1, p.name, n)
			a, err := b.run(ctx, p, address, n)
			if err != nil {
				return nil, err
			}
			all[p.name] = append(all[p.name], measured{float64(n) / a.Seconds, a.CPU * 1e6 / float64(n), float64(a.Peak) / (1 << 20)})
		}
	}
	medians := map[string]measured{}
	for name, some := range all {
		medians[name] = measured{
			median(some, func(m measured) float64 { return m.rate }),
			median(some, func(m measured) float64 { return m.cpu }),
			median(some, func(m measured) float64 { return m.peak }),
		}
	}
	t := report.Table{Head: []string{"sender", "messages/s", "ratio to window 512", "us of processor a message", "peak RSS, MiB"}}
	for _, p := range b.peers() {
		m := medians[p.name]
		t.Add(p.name, report.Rate(m.rate), report.Num(m.rate/medians[nameWindow].rate), report.Num(m.cpu), report.Num(m.peak))
	}
	b.out.Section(fmt.Sprintf("%s, 200 B with 3 properties, median of %d rounds", title, b.rounds))
	b.out.Table(t)
	return medians, nil
}

// peers are those that there are here.
func (b *bench) peers() []peer {
	return slices.DeleteFunc(peers(), func(p peer) bool { return p.foreign && b.node == "" })
}

func median[T any](all []T, of func(T) float64) float64 {
	var values []float64
	for _, v := range all {
		values = append(values, of(v))
	}
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}

func (b *bench) rates(ctx context.Context) error {
	count := func(p peer) int {
		switch {
		case p.flight == 1:
			return b.messages / 10
		case p.foreign:
			return b.messages / 4
		}
		return b.messages
	}
	m, err := b.compare(ctx, "No delay", "", count)
	if err != nil {
		return err
	}
	f := &b.figures
	f.AtLeast("singles from memory, times go-amqp with window 512", 0.8, m[nameSingles].rate/m[nameWindow].rate, "")
	f.AtLeast("backlog from disk, times go-amqp's batches", 0.8, m[nameDisk].rate/m[nameBatches].rate, "")
	if b.node == "" {
		f.Open("backlog from disk, times the Node SDK", ">= 10", "Node or its packages are not there")
	} else {
		f.AtLeast("backlog from disk, times the Node SDK", 10, m[nameDisk].rate/m[nameNode].rate, "")
	}
	f.AtMost("processor time of singles from memory with the store, times go-amqp with window 512", 2, m[nameSingles].cpu/m[nameWindow].cpu, "")
	f.AtMost("processor time of a backlog from disk, times go-amqp's batches", 2, m[nameDisk].cpu/m[nameBatches].cpu, "")
	f.AtMost("peak RSS while a backlog goes out from disk, MiB", 32, m[nameDisk].peak, fmt.Sprintf("%d records", b.messages))
	return nil
}

// delays compares the peers behind a proxy that makes every round trip longer.
func (b *bench) delays(ctx context.Context) error {
	for _, trip := range []time.Duration{20 * time.Millisecond, 200 * time.Millisecond} {
		d, err := desk.NewProxy("127.0.0.1:0", b.hub.Addr())
		if err != nil {
			return err
		}
		if err := d.Add(desk.Both("latency", fmt.Sprintf(`"latency":%d`, trip.Milliseconds()/2))...); err != nil {
			return err
		}
		m, err := b.compare(ctx, fmt.Sprintf("Round trip of %s", trip), d.Listen, func(p peer) int {
			return min(b.messages, max(20, int(float64(p.flight)*b.seconds/trip.Seconds())))
		})
		d.Stop()
		if err != nil {
			return err
		}
		if trip == 200*time.Millisecond {
			b.figures.AtLeast("200 ms: singles from memory, times in-flight / round trip", 0.9, m[nameSingles].rate*trip.Seconds()/window, "")
			b.figures.AtLeast("200 ms: backlog from disk, times in-flight / round trip", 0.9, m[nameDisk].rate*trip.Seconds()/(batches*batchSize), "")
		}
	}
	return nil
}
