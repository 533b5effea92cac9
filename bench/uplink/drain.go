package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
	"fieldpost/uplink"
)

// ahead is how many records may wait in memory while others are drained.
const ahead = 4096

// sender is a store, a drain and a link as the agent has them.
type sender struct {
	store *store.Store
	clock clock.Clock
	drain *uplink.Drain
	link  *uplink.Link

	up     func()        // told once, before the first record is drained; may be nil
	online chan struct{} // closed then
	stops  []func() error
}

func newSender(t task, tune func(*uplink.DrainOptions)) (*sender, error) {
	id, err := identity(t)
	if err != nil {
		return nil, err
	}
	s := &sender{clock: clock.System(), online: make(chan struct{})}
	o := storeOptions(t.Dir)
	o.Clock = s.clock
	s.store = store.New(o)
	drain := uplink.DrainOptions{Store: s.store, Timeline: s.store.Boots(), DeviceID: func() string { return id.DeviceID }}
	tune(&drain)
	s.drain = uplink.NewDrain(drain)
	told := false
	s.link = uplink.NewLink(uplink.LinkOptions{
		Identity: func() (uplink.Identity, error) { return id, nil },
		Clock:    s.clock,
		OnState: func(l uplink.LinkState) {
			if l.Phase == uplink.PhaseOnline && !told {
				told = true
				if s.up != nil {
					s.up()
				}
				close(s.online)
			}
		},
	}, s.drain)
	return s, nil
}

func (s *sender) start(loop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop(ctx) }()
	s.stops = append(s.stops, func() error { cancel(); return <-ended })
}

// stop ends what was started, the last first. Records that were given up are an
// error: they were not measured.
func (s *sender) stop() error {
	var errs []error
	for class, c := range s.store.Stats().PerClass {
		if c.Lost > 0 || c.Dead > 0 {
			errs = append(errs, fmt.Errorf("%s: %d records lost, %d dead letters", store.Class(class), c.Lost, c.Dead))
		}
	}
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	s.stops = nil
	return errors.Join(errs...)
}

func (s *sender) ready(ctx context.Context) error {
	for tick := time.NewTicker(time.Millisecond); !s.store.Stats().Ready; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *sender) append(ctx context.Context, n int) error {
	records := make([]store.Record, n)
	for i := range records {
		records[i] = store.Record{
			ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Stamp: s.clock.Now(),
			Subject: "boiler", ContentType: "application/json", Props: map[string]string{"sensor": "boiler"}, Body: body(),
		}
	}
	_, err := s.store.Append(ctx, records...)
	return err
}

func (s *sender) connect(ctx context.Context) error {
	s.start(s.link.Run)
	select {
	case <-s.online:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return fmt.Errorf("not online after a minute: %+v", s.link.State())
	}
}

// drainMemory appends while it drains, so that records go from memory to the hub.
func drainMemory(tune func(*uplink.DrainOptions)) func(context.Context, task, *meter) error {
	return func(ctx context.Context, t task, m *meter) error {
		s, err := newSender(t, tune)
		if err != nil {
			return err
		}
		s.start(s.store.Run)
		if err = s.ready(ctx); err == nil {
			err = s.connect(ctx)
		}
		if err == nil {
			m.begin()
			err = s.feed(ctx, t.Count)
			if err == nil {
				err = s.drain.Drained(ctx)
			}
			m.end()
		}
		return errors.Join(err, s.stop())
	}
}

// feed appends groups of readings, and waits while enough of them are queued.
func (s *sender) feed(ctx context.Context, count int) error {
	const group = 100
	for count > 0 {
		if s.store.Stats().PerClass[store.Telemetry].Queued > ahead {
			select {
			case <-time.After(time.Millisecond):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := s.append(ctx, min(group, count)); err != nil {
			return err
		}
		count -= group
	}
	return nil
}

// drainDisk drains what another store has left on disk.
func drainDisk(tune func(*uplink.DrainOptions)) func(context.Context, task, *meter) error {
	return func(ctx context.Context, t task, m *meter) error {
		s, err := newSender(t, tune)
		if err != nil {
			return err
		}
		s.start(s.store.Run)
		for left := t.Count; left > 0 && err == nil; left -= 500 {
			// Memory is bounded: what is not on disk in time would be given up.
			if err = s.append(ctx, min(500, left)); err == nil {
				err = s.store.Flush(ctx)
			}
		}
		if err = errors.Join(err, s.stop()); err != nil {
			return err
		}
		if s, err = newSender(t, tune); err != nil {
			return err
		}
		s.up = m.begin
		s.start(s.store.Run)
		if err = s.ready(ctx); err == nil {
			err = s.connect(ctx)
		}
		if err == nil {
			err = s.drain.Drained(ctx)
			m.end()
		}
		return errors.Join(err, s.stop())
	}
}
