package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

const (
	drainBatch  = 500 // readings taken at a time
	drainCommit = 10  // takes between two commits of what was accepted
)

// queue is the store of this project.
type queue struct {
	s     *store.Store
	clock clock.Clock
	stop  context.CancelFunc
	ended chan error
	ready time.Duration // from Run to open
	taken time.Duration // from Run to the first Append that returned; 0 when none was tried
}

func openQueue(dir string, _ openOptions) (peer, error) { return startQueue(queueOptions(dir), false) }

// queueOptions leaves every commit to Flush and lifts the budget: what a commit
// costs is measured, not how seldom the store makes one.
func queueOptions(dir string) store.Options {
	return store.Options{Dir: dir, MaxBytes: 400 << 20, CommitEvery: time.Hour, DailyWrites: 1 << 50}
}

// startQueue runs a store and waits until its file is open, appending one reading
// meanwhile when asked to.
func startQueue(o store.Options, appendFirst bool) (*queue, error) {
	q := &queue{clock: clock.System(), ended: make(chan error, 1)}
	o.Clock = q.clock
	q.s = store.New(o)
	ctx, stop := context.WithCancel(context.Background())
	q.stop = stop
	began := time.Now()
	go func() { q.ended <- q.s.Run(ctx) }()
	if appendFirst {
		if _, err := q.s.Append(ctx, q.record(newSampler(1).next())); err != nil {
			return nil, fmt.Errorf("append while opening: %w", err)
		}
		q.taken = time.Since(began)
	}
	for tick := time.NewTicker(200 * time.Microsecond); ; <-tick.C {
		st := q.s.Stats()
		if st.Ready {
			q.ready = time.Since(began)
			return q, nil
		}
		if time.Since(began) > 5*time.Minute {
			return nil, fmt.Errorf("queue is not open after 5 min: %s", st.Opening)
		}
	}
}

func queueFile(dir string) string { return filepath.Join(dir, "queue.db") }

func (q *queue) record(body []byte) store.Record {
	return store.Record{
		ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Stamp: q.clock.Now(),
		Subject: "bme280", ContentType: "application/json", Body: body,
	}
}

func (q *queue) append(group [][]byte) error {
	recs := make([]store.Record, len(group))
	for i, m := range group {
		recs[i] = q.record(m)
	}
	_, err := q.s.Append(context.Background(), recs...)
	return err
}

func (q *queue) enqueue(group [][]byte) error {
	if err := q.append(group); err != nil {
		return err
	}
	return q.s.Flush(context.Background())
}

// drain commits after every drainCommit takes: an agent commits once in an
// interval, in which a link of some speed takes more than that.
func (q *queue) drain(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	for batch := 1; n > 0; batch++ {
		l, err := q.s.Next(ctx, store.Want{Records: min(n, drainBatch), Classes: []store.Class{store.Telemetry}})
		if err != nil {
			return fmt.Errorf("%d readings are missing: %w", n, err)
		}
		for _, r := range l.Records() {
			if len(r.Body) != payloadBytes {
				return fmt.Errorf("reading %s has %d bytes", r.ID, len(r.Body))
			}
		}
		n -= len(l.Records())
		l.Ack()
		if batch%drainCommit == 0 || n == 0 {
			if err := q.s.Flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// drainAll takes whatever is queued in any class: the kills before have left ledger
// records.
func (q *queue) drainAll() error {
	if err := q.drain(q.queued()); err != nil {
		return err
	}
	for {
		left := uint64(0)
		for _, c := range q.s.Stats().PerClass {
			left += c.Queued
		}
		if left == 0 {
			return q.s.Flush(context.Background())
		}
		if err := q.takeOne(); err != nil {
			return fmt.Errorf("%d records of other classes are missing: %w", left, err)
		}
	}
}

// takeOne takes what waits and accepts it, without a commit.
func (q *queue) takeOne() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := q.s.Next(ctx, store.Want{Records: drainBatch})
	if err != nil {
		return err
	}
	l.Ack()
	return nil
}

func (q *queue) close() error {
	q.stop()
	return <-q.ended
}

// queued is how many readings wait.
func (q *queue) queued() int { return int(q.s.Stats().PerClass[store.Telemetry].Queued) }
