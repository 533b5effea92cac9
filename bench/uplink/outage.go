package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"fieldpost/bench/desk"
	"fieldpost/bench/report"
)

const (
	outageLength = 10 * time.Second
	outageStable = 65 * time.Second // a connection that old was good
	outageRounds = 5
	outageLimit  = 5 * time.Minute
)

// outage cuts the hub off from a built agent, again and again, and measures how long
// after its return the first record is there.
func (b *bench) outage(ctx context.Context) error {
	if b.agent == "" {
		b.figures.Open("first record after an outage of 10 s, s", "<= 1", "no -agent")
		return nil
	}
	dir, err := os.MkdirTemp(b.work, "agent-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before := len(b.hub.Arrived())
	agent := desk.Agent{Binary: b.agent, Dir: dir, Hub: b.hub, Sensors: 1, Every: 100 * time.Millisecond}
	if err := agent.Prepare(); err != nil {
		return err
	}
	if err := agent.Start(nil); err != nil {
		return err
	}
	defer agent.Stop()
	var back []time.Duration
	t := report.Table{Head: []string{"outage", "first record after the hub was back, s"}}
	for n := range max(b.rounds, outageRounds) {
		b.progress("outage %d", n+1)
		d, err := b.cutOff(ctx)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, agent.Tail())
		}
		back = append(back, d)
		t.Add(fmt.Sprint(n+1), report.Num(d.Seconds()))
	}
	limit, cancel := context.WithTimeout(ctx, outageLimit)
	defer cancel()
	counts, err := agent.Drained(limit, 16)
	if err != nil {
		return err
	}
	peak, err := desk.Peak(agent.PID())
	if err != nil {
		return err
	}
	if err := agent.Stop(); err != nil {
		return err
	}
	kept, err := agent.Kept(ctx)
	if err != nil {
		return err
	}
	a, err := desk.Settle(counts.Produced(), b.hub.Arrived()[before:], kept)
	if err != nil {
		return err
	}
	if a.Lost() > 0 || len(a.Strange) > 0 {
		return errors.New(fmt.Sprint(a.Lost(), " records are lost, ", len(a.Strange), " are strange"))
	}
	b.out.Section(fmt.Sprintf("The hub is away for %s, a reading every 100 ms", outageLength))
	b.out.Table(t)
	b.figures.AtMost("first record after an outage of 10 s, median, s", 1, median(back, time.Duration.Seconds),
		fmt.Sprintf("%d records, %d lost, %d duplicates, %d out of order, %d MiB at most", a.Produced, a.Lost(), a.Duplicates, a.Disorder, peak>>20))
	return nil
}

func (b *bench) cutOff(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, outageLimit)
	defer cancel()
	b.hub.Mark()
	if _, err := b.hub.Wait(ctx, 1); err != nil {
		return 0, err
	}
	for _, step := range []struct {
		after time.Duration
		do    func() error
	}{{outageStable, func() error { b.hub.Cut(); return nil }}, {outageLength, b.hub.Restore}} {
		select {
		case <-time.After(step.after):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if err := step.do(); err != nil {
			return 0, err
		}
	}
	back := time.Now()
	b.hub.Mark()
	first, err := b.hub.Wait(ctx, 1)
	return first.Sub(back), err
}
