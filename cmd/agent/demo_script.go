package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fieldpost/internal/agent"
	"fieldpost/internal/service"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// The message-ids of the commands the service side sends.
const (
	commandOutput  = "demo-1"
	commandUnknown = "demo-2"
	commandBusy    = "demo-3"
)

// run starts hub, agent and service side, goes through the steps, and counts.
func (d *demo) run(ctx context.Context) demoSummary {
	background, stopAll := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAll()
	agentCtx, stopAgent := context.WithCancel(background)
	defer stopAgent()

	var servers, agents sync.WaitGroup
	servers.Go(func() { _ = d.hub.Run(background) })
	d.show.hub(d.hub.Addr(), demoDevice)
	servers.Go(func() { d.side.run(background) })
	var agentErr error
	agents.Go(func() { agentErr = d.agent.Run(agentCtx) })

	err := d.script(ctx)
	interrupted := ctx.Err() != nil
	if interrupted {
		err = nil
	}
	// An interrupt may come in the middle of the outage.
	restoreErr := d.hub.Restore()
	d.agent.StopSampling()
	drainErr := d.drained(background)
	d.stopping.Store(true)
	stopAgent()
	agents.Wait()
	d.caughtUp(background)
	stopAll()
	servers.Wait()
	sum := d.sum(errors.Join(err, restoreErr, drainErr, agentErr))
	sum.Interrupted = interrupted
	return sum
}

// script is what happens between the start and the end of sampling.
func (d *demo) script(ctx context.Context) error {
	if err := d.await(ctx, demoReadyWithin, "the first accepted reading", func(f *demoFacts) bool { return f.settled > 0 }); err != nil {
		return err
	}
	sampling := time.Now()
	if err := d.commands(ctx); err != nil {
		return err
	}
	if err := d.outage(ctx, min(max(d.opts.duration/5, 2*time.Second), 5*time.Second)); err != nil {
		return err
	}
	return pause(ctx, d.opts.duration-time.Since(sampling))
}

// commands sends three and waits for what the hub says of each.
func (d *demo) commands(ctx context.Context) error {
	// The valve is busy past the first two times the agent holds the command,
	// and free within the third.
	d.valve.keepBusy(3 * time.Second)
	for _, c := range []struct {
		id, name string
		args     map[string]any
	}{
		{commandOutput, "output.set", map[string]any{"output": "fan", "on": true}},
		{commandUnknown, "coffee.make", map[string]any{"cups": 2}},
		{commandBusy, "valve.calibrate", map[string]any{}},
	} {
		d.show.sent(c.id, c.name, c.args)
		if err := d.side.command(ctx, c.id, c.name, c.args); err != nil {
			return fmt.Errorf("send command %s: %w", c.name, err)
		}
	}
	for id, want := range map[string]string{
		commandOutput:  service.StatusSuccess,
		commandUnknown: service.StatusRejected,
		commandBusy:    service.StatusSuccess,
	} {
		if err := d.await(ctx, demoStepWithin, "feedback for command "+id, func(f *demoFacts) bool { return f.feedback[id] != "" }); err != nil {
			return err
		}
		var got string
		d.facts.look(func() { got = d.facts.feedback[id] })
		if got != want {
			return fmt.Errorf("command %s: the sender was told %s, expected %s", id, got, want)
		}
	}
	if on, ok := d.agent.Output("fan"); !ok || !on {
		return errors.New("command " + commandOutput + " was completed and the fan is off")
	}
	if n := d.abandoned(commandBusy); n == 0 {
		return errors.New("command " + commandBusy + " was never abandoned although the valve was busy")
	}
	return nil
}

// outage closes every connection and refuses new ones for that long.
func (d *demo) outage(ctx context.Context, length time.Duration) error {
	before := d.queueDepth()
	d.show.link("cut: every connection closed, new ones refused", before)
	d.hub.Cut()
	if err := pause(ctx, length); err != nil {
		return err
	}
	during := d.queueDepth()
	if during <= before {
		return fmt.Errorf("the queue did not grow in the outage: %d before, %d after %v", before, during, length)
	}
	d.show.link("restored", during)
	if err := d.hub.Restore(); err != nil {
		return fmt.Errorf("restore the link: %w", err)
	}
	return d.await(ctx, demoStepWithin, "the queue to drain after the outage", func(*demoFacts) bool {
		return d.agent.Online() && d.queueDepth() < before+during
	})
}

// drained waits until nothing is queued any more.
func (d *demo) drained(ctx context.Context) error {
	return d.await(ctx, demoDrainWithin, "the queue to run dry", func(*demoFacts) bool { return d.queueDepth() == 0 })
}

// caughtUp waits until the service side has read what the agent's store says was
// delivered. When it never does, the summary shows the difference.
func (d *demo) caughtUp(ctx context.Context) {
	want := delivered(d.agent.Stats())
	_ = d.await(ctx, demoDrainWithin, "the service side to catch up", func(f *demoFacts) bool { return len(f.delivered) >= want })
}

// await returns nil once is says so; it looks at every change and a few times a second.
func (d *demo) await(ctx context.Context, within time.Duration, what string, is func(*demoFacts) bool) error {
	deadline := time.After(within)
	for {
		var ok bool
		changed := d.facts.look(func() { ok = is(d.facts) })
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			return fmt.Errorf("waited %v for %s", within, what)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *demo) queueDepth() uint64 {
	var n uint64
	for _, c := range d.agent.Stats().PerClass {
		n += c.Queued
	}
	return n
}

func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}

// watch prints what the agent itself reports.
func (d *demo) watch() agent.Watch {
	return agent.Watch{
		Reading: func(r sensors.Reading, t store.Ticket) { d.show.reading(r, t) },
		Settled: func(s uplink.Settlement) {
			d.show.settled(s)
			d.facts.update(func() { d.facts.settled++ })
		},
		Command: d.command,
		Link: func(s uplink.LinkState) {
			if !d.stopping.Load() {
				d.show.linkState(s, d.queueDepth())
			}
		},
	}
}
