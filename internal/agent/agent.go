// Package agent wires the parts into the one program: samplers, store, link and
// its tenants, outputs, the technician's socket. It is read top-down as the data
// flows.
//
// Run, the demo and the tests all start the same Agent; Parts is what they
// replace. Only two things end a start: a live agent on the same socket, and a
// live agent on the same store. Everything else that is missing or broken is
// shown by Status while sampling and queueing go on.
package agent

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"fieldpost/board"
	"fieldpost/c2d"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/internal/keep"
	"fieldpost/internal/pipe"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// stopActions is how long a stop waits for running actions.
const stopActions = 2 * time.Second

// transportFile is the name, in the state folder, of what keeps which transport
// works.
const transportFile = "transport"

// Agent is one agent. Make it with New, then call Run once.
type Agent struct {
	cfg      *config.Config
	parts    Parts
	started  clock.Stamp
	timeline clock.Timeline
	identity *identity
	outputs  *outputs
	sampling []*sensors.Sampler
	store    *store.Store
	drain    *uplink.Drain
	commands *c2d.Loop
	link     *uplink.Link
	floor    *clock.FloorFile
	urgent   chan struct{} // see hurry; the link may be waiting
	online   atomic.Bool   // the link was, when it last told

	watch    *watch
	level    *logLevel
	readings atomic.Pointer[stage]
	leaves   chan error // has how a command wants Run to end

	watchdog  *watchdog
	hardware  *hardware
	light     *board.Light                // nil = none
	seen      atomic.Pointer[diag.Status] // by watch, at its last look
	lastStall atomic.Pointer[diag.Stall]  // of the run before; nil = none

	boardOnce sync.Once
	boardID   board.Identity
}

// New makes an agent from a configuration without problems. It opens nothing and
// starts nothing.
func New(cfg *config.Config, parts Parts) *Agent {
	with := *cfg
	with.Hub = handedOver(cfg.Hub, os.Getenv(credentialsVar))
	cfg = &with
	parts = parts.withDefaults(cfg.Agent.LogLevel)
	floor := newFloor(parts.Built, parts.Clock, cfg.Agent.StateDir, parts.Log.With("part", "clock"))
	parts.Clock = floor.Earliest.Judge(parts.Clock)
	a := &Agent{
		cfg:      cfg,
		parts:    parts,
		started:  parts.Clock.Now(),
		floor:    floor,
		urgent:   make(chan struct{}, 1),
		identity: &identity{hub: cfg.Hub, clock: parts.Clock, awaits: parts.Awaits},
		outputs:  newOutputs(parts.Lines, cfg.Outputs, parts.Log.With("part", "outputs")),
		leaves:   make(chan error, 1),
	}
	a.watch = newWatch(a)
	a.level = &logLevel{level: parts.Level, configured: cfg.Agent.LogLevel, log: parts.Log}
	a.parts.Watch = a.watch.told(parts.Watch)
	a.sampling = a.samplers()
	a.store = store.New(a.storeOptions())
	a.timeline = a.store.Boots()
	a.drain = uplink.NewDrain(a.drainOptions())
	a.commands = c2d.New(c2d.Options{
		DeviceID:     a.identity.deviceID,
		Journal:      a.store.Journal(),
		Actions:      append(a.actions(), parts.Actions...),
		Allow:        cfg.Commands.Allow,
		AllowMethods: cfg.Commands.AllowMethods,
		AllowLocal:   cfg.Commands.AllowLocal,
		Hold:         cfg.Commands.Hold,
		AnswerIn:     cfg.Commands.AnswerWithin,
		FeedbackLink: cfg.Commands.FeedbackLink,
		Clock:        parts.Clock,
		Failpoint:    parts.Failpoint,
		OnCommand:    a.parts.Watch.Command,
		Log:          parts.Log.With("part", "c2d"),
	})
	a.link = uplink.NewLink(uplink.LinkOptions{
		Identity: a.identity.read,
		Route: uplink.Route{
			Transport: cfg.Hub.Transport,
			Proxy:     proxyOf(cfg.Hub),
			Memory:    filepath.Join(cfg.Agent.StateDir, transportFile),
		},
		Dial:       parts.Dial,
		Clock:      parts.Clock,
		Earliest:   floor.Earliest,
		ClockWait:  cfg.Hub.ClockWait,
		Urgent:     a.urgent,
		BackoffMax: parts.BackoffMax,
		OnState:    a.linkMoved,
		Log:        parts.Log.With("part", "link"),
	}, a.tenants()...)
	a.watchdog = a.newWatchdog()
	a.light = newLight(cfg.Board.LED, parts.Root, parts.Lines, parts.Log.With("part", "light"))
	a.hardware = newHardware(a)
	return a
}

// tenants are the users of the link. An agent that allows no methods does not
// listen for them: the hub tells their callers so.
func (a *Agent) tenants() []uplink.Tenant {
	tenants := []uplink.Tenant{a.drain, a.commands}
	if len(a.cfg.Commands.AllowMethods) > 0 {
		tenants = append(tenants, a.commands.Methods())
	}
	return tenants
}

// Run samples, queues, drains and obeys until ctx ends; then it stops in the
// direction of the data and returns nil. It returns an error at once when a live
// agent holds the socket or the store; ErrRestart or ErrReboot when a command ended
// it, after the same stop.
func (a *Agent) Run(ctx context.Context) error {
	log := a.parts.Log
	for _, p := range append(checkFiles(a.cfg, a.started, true), CheckClock(a.started)...) {
		log.Warn(p.String(), "hint", p.Hint)
	}
	socket, err := a.listen()
	if err != nil {
		return err
	}
	// The store makes its folder too; a sensor may look at its disk before that.
	_ = keep.Folder(a.cfg.Agent.StateDir)
	a.lastStall.Store(a.watchdog.note.read())
	if err := a.floor.Load(); err != nil {
		hint := "the file is written anew; until the clock is set, time goes by the date of the build"
		log.Warn("newest known time not read", "err", err, "hint", cmp.Or(keep.HintAbout(err, keep.Hint(a.cfg.Agent.StateDir)), hint))
	}
	floor := start(ctx, a.floor.Run)
	dogs := start(ctx, a.watchdog.run, a.shine)
	queue := start(ctx, a.store.Run)
	answers := start(ctx, func(ctx context.Context) error { return a.serve(ctx, socket) }, a.watch.run)
	a.outputs.start()
	guards := start(ctx, a.outputs.run)
	uplinks := start(ctx, a.link.Run, a.watchNetwork, a.commands.Recover)
	readings := start(ctx, a.loops()...)
	a.readings.Store(readings)
	log.Info("agent started", "version", a.parts.Version, "state_dir", a.cfg.Agent.StateDir, "sensors", len(a.cfg.Sensors))
	informed := start(ctx, a.inform, a.recall, a.hardware.run)
	a.announce(ctx)

	var left error
	select {
	case <-ctx.Done():
	case <-queue.failed:
	case left = <-a.leaves:
	}
	log.Info("agent stopping")
	_ = informed.stop()
	if !errors.Is(left, ErrRestart) && !errors.Is(left, ErrReboot) { // the supervisor would not wait for what comes after these
		_ = a.parts.Notify.Send(board.NotifyStopping, board.Status("stopping"))
	}
	errs := []error{readings.stop()}
	a.lastDrain()
	errs = append(errs, uplinks.stop())
	a.endCommands()
	errs = append(errs, guards.stop(), a.outputs.stop(), answers.stop(), queue.stop(), floor.stop(), dogs.stop(), left)
	return errors.Join(errs...)
}

func (a *Agent) loops() []func(context.Context) error {
	var loops []func(context.Context) error
	for _, s := range a.sampling {
		loops = append(loops, s.Run)
	}
	return loops
}

// StopSampling ends the samplers; everything else goes on. The demo uses it to
// let the queue run dry before it counts.
func (a *Agent) StopSampling() {
	if readings := a.readings.Load(); readings != nil {
		readings.cancel()
	}
}

// append takes a reading from a sampler. A reading that cannot be queued is
// counted by the store as refused; nothing can be done about it here.
func (a *Agent) append(ctx context.Context, r sensors.Reading) {
	record, ok := pipe.Telemetry(r)
	if !ok {
		return // the sensor's state says so
	}
	ticket, err := a.enqueue(ctx, record)
	if err != nil {
		a.parts.Log.Debug("reading not queued", "sensor", r.Sensor, "err", err)
		return
	}
	a.parts.Watch.Reading(r, ticket)
}

// enqueue appends a record, and tells the link of one that should not wait.
func (a *Agent) enqueue(ctx context.Context, record store.Record) (store.Ticket, error) {
	ticket, err := a.store.Append(ctx, record)
	if err == nil && record.ID.Class == store.Alarm {
		a.hurry()
	}
	return ticket, err
}

// announce queues the event of this start, which tells the far end that whatever
// was only in memory before is accounted for in the ledger.
func (a *Agent) announce(ctx context.Context) {
	record, err := pipe.Event("agent-started", a.started, map[string]any{
		"version": a.parts.Version,
		"board":   a.board().Model,
	})
	if err == nil {
		_, err = a.enqueue(ctx, record)
	}
	if err != nil && ctx.Err() == nil {
		a.parts.Log.Warn("start not announced", "err", err)
	}
}

// lastDrain waits for the queue to empty, as long as there is a link to drain it.
func (a *Agent) lastDrain() {
	if !a.Online() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.parts.LastDrain)
	defer cancel()
	if err := a.drain.Drained(ctx); err != nil {
		a.parts.Log.Info("stopping with records queued", "queued", queued(a.store.Stats()))
	}
}

// endCommands ends the actions that still run, so that their outcome is in the
// journal before the store closes. One that does not end is started and not
// done there, which the next start tells its sender.
func (a *Agent) endCommands() {
	ctx, cancel := context.WithTimeout(context.Background(), stopActions)
	defer cancel()
	if err := a.commands.Shutdown(ctx); err != nil {
		a.parts.Log.Warn("stopping while a command runs", "err", err)
	}
}

// Stats returns the store's counters, also after Run has ended.
func (a *Agent) Stats() store.Stats { return a.store.Stats() }

// Output tells whether the output of that name is on, and whether it is there.
func (a *Agent) Output(name string) (on, ok bool) {
	return a.outputs.level(name)
}
