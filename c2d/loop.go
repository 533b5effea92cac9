package c2d

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// Journal keeps what was begun and how it ended. *store.Journal is one.
type Journal interface {
	// Begin puts the intent on disk and returns how far the command had come before.
	Begin(ctx context.Context, c store.Command) (store.State, error)
	// Finish puts outcome and result record on disk, both or none.
	Finish(ctx context.Context, c store.Command, o store.Outcome, result store.Record) error
}

// Options of a Loop. DeviceID, Journal and Clock must be set.
type Options struct {
	DeviceID    func() string // id in the link address, asked at every Serve
	Journal     Journal
	Actions     []Action      // what there is
	Allow       []string      // names of the actions that may run; default none
	Hold        time.Duration // how long a command that cannot begin is held before it is released, at most 50 s; default 45 s
	Deadline    time.Duration // for one run of an action; default 40 s
	Concurrency int           // commands in work at once, and credit of the link; default 4
	Grace       time.Duration // how long Serve waits for running commands when it must end; default 3 s
	SettleIn    time.Duration // how long the hub may take to confirm a settlement; default 10 s
	Clock       clock.Clock   // dates results and judges expiry times
	Log         *slog.Logger  // default none

	// OnCommand is told every step of every delivery, from several goroutines. It must not block. Default none.
	OnCommand func(Report)
}

const maxHold = 50 * time.Second

// Loop carries out commands. Make one with New; it serves one session after
// another and remembers between them.
type Loop struct {
	opt    Options
	table  table
	memory memory
	turns  turns
	slots  chan struct{} // taken out by each command in work, put back when its outcome stands
	count  counters

	actions context.Context // of every running action; ends with Shutdown
	stop    context.CancelCauseFunc
}

var (
	errStopping = errors.New("the agent is stopping")
	errDeadline = errors.New("deadline of the action has passed")
	errNoAnswer = errors.New("hub did not confirm a settlement")
	errJournal  = errors.New("journal did not take an outcome")
)

// New makes a Loop and starts nothing. It panics when Options lack a required
// field or the table of actions contradicts itself: that is a mistake in the
// program, not in its input.
func New(opt Options) *Loop {
	if opt.DeviceID == nil || opt.Journal == nil || opt.Clock == nil {
		panic("c2d: Options need DeviceID, Journal and Clock")
	}
	if err := checkActions(opt.Actions); err != nil {
		panic("c2d: " + err.Error())
	}
	opt.Hold = min(positive(opt.Hold, 45*time.Second), maxHold)
	opt.Deadline = positive(opt.Deadline, 40*time.Second)
	opt.Grace = positive(opt.Grace, 3*time.Second)
	opt.SettleIn = positive(opt.SettleIn, 10*time.Second)
	if opt.Concurrency <= 0 {
		opt.Concurrency = 4
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	actions := slices.SortedFunc(slices.Values(opt.Actions), func(a, b Action) int { return cmp.Compare(a.Name, b.Name) })
	l := &Loop{
		opt:    opt,
		table:  table{actions: actions, allow: slices.Clone(opt.Allow)},
		memory: memory{attempts: map[string]*attempt{}, past: map[string]*past{}},
		turns:  turns{lines: map[string][]*ticket{}},
		slots:  make(chan struct{}, opt.Concurrency),
	}
	for range opt.Concurrency {
		l.slots <- struct{}{}
	}
	l.actions, l.stop = context.WithCancelCause(context.Background())
	return l
}

func positive(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Name returns "c2d".
func (l *Loop) Name() string { return "c2d" }

// Actions returns the table, sorted by name.
func (l *Loop) Actions() []Action { return slices.Clone(l.table.actions) }

// Serve receives commands on session and carries them out, until ctx ends or
// the link does. Then it releases what it has not begun, waits for Options.Grace
// for what runs, and returns why it ended. It is not called twice at a time.
func (l *Loop) Serve(ctx context.Context, session *amqp.Session) error {
	r, err := attach(ctx, session, l.opt.DeviceID(), l.opt.Concurrency)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := r.link.Close(ctx); err != nil {
			l.opt.Log.Debug("close receiver", "link", r.link.Address(), "err", err)
		}
	}()
	return l.serve(ctx, r)
}

// serve is Serve on any source of deliveries.
func (l *Loop) serve(ctx context.Context, from source) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	room := make(chan struct{}, l.opt.Concurrency)
	err := l.receive(ctx, end, from, room)
	end(err)

	grace := time.NewTimer(l.opt.Grace)
	defer grace.Stop()
	for range cap(room) {
		select {
		case room <- struct{}{}:
		case <-grace.C:
			l.opt.Log.Info("commands still run after the link has ended", "running", l.count.running.Load())
			return err
		}
	}
	return err
}

// receive starts the work on each delivery. Room is as large as the credit, so
// that a peer which sends beyond it is not read.
func (l *Loop) receive(ctx context.Context, end context.CancelCauseFunc, from source, room chan struct{}) error {
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		m, d, err := from.receive(ctx)
		if err != nil {
			<-room
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		work := l.begin(m)
		go func() {
			defer func() { <-room }()
			if err := work(ctx, d); err != nil {
				end(err)
			}
		}()
	}
}

// begin decodes a message and gives it its place: in the line of its target, or
// behind an attempt at the same command. That is done in the order of delivery;
// the work itself is not.
func (l *Loop) begin(m *message) func(context.Context, delivery) error {
	l.count.received.Add(1)
	c := l.table.decode(m)
	l.report(c, Report{Step: StepReceive})
	decoded := Report{Step: StepDecode}
	if c.reject != nil {
		decoded.Condition, decoded.Reason = c.reject.Condition, c.reject.Reason
	}
	l.report(c, decoded)

	a, mine := l.memory.join(c.identity)
	if !mine {
		return func(ctx context.Context, d delivery) error { return l.follow(ctx, c, d, a) }
	}
	k := l.turns.take(c.target)
	return func(ctx context.Context, d delivery) error {
		e := l.attempt(ctx, c, k)
		l.memory.conclude(c.identity, a, e)
		return l.settle(ctx, c, d, e)
	}
}

// follow settles a delivery as the attempt ends that was there before it.
func (l *Loop) follow(ctx context.Context, c *command, d delivery, a *attempt) error {
	lock := time.NewTimer(time.Until(c.received.Add(lockFor - lockMargin)))
	defer lock.Stop()
	e := ending{kind: abandoned, reason: "the same command is still running"}
	select {
	case <-a.done:
		e = a.end
		e.again, e.after, e.duration, e.holdUntil = e.kind == decided, nil, 0, time.Time{}
	case <-ctx.Done():
		e.reason = errStopping.Error()
	case <-lock.C:
	}
	return l.settle(ctx, c, d, e)
}

// Shutdown ends the contexts of running actions and waits until every command
// in work has its outcome in the journal, or ctx ends. Call it after Serve has
// returned and before the store is closed; the Loop begins nothing afterwards.
func (l *Loop) Shutdown(ctx context.Context) error {
	l.stop(errStopping)
	for i := range cap(l.slots) {
		select {
		case <-l.slots:
		case <-ctx.Done():
			return fmt.Errorf("%d commands are still in work: %w", cap(l.slots)-i, ctx.Err())
		}
	}
	return nil
}
