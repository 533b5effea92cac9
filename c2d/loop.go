package c2d

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"sync/atomic"
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
	// Promise puts the outcome on disk, and a note of the result that is still due.
	Promise(ctx context.Context, c store.Command, o store.Outcome, note string) error
	// Fulfil puts a result that was due on disk and takes its note away, both or none.
	Fulfil(ctx context.Context, c store.Command, result store.Record) error
	// Open waits until what earlier runs left is known, and returns the commands
	// that have no outcome, or no result.
	Open(ctx context.Context) ([]store.JournalEntry, error)
}

// Options of a Loop. DeviceID, Journal and Clock must be set.
type Options struct {
	DeviceID func() string // id in the link address, asked at every Serve
	Journal  Journal
	Actions  []Action // what there is

	Allow        []string // names of the actions that may run when they come as messages; default none
	AllowMethods []string // the same for direct methods; default none
	AllowLocal   []string // the same for the technician's socket; default none

	Hold        time.Duration // how long a command that cannot begin is held before it is released, at most 50 s; default 45 s
	Deadline    time.Duration // for one run of an action; default 40 s
	Concurrency int           // commands in work at once, and credit of the link; default 4
	Grace       time.Duration // how long Serve waits for running commands when it must end; default 3 s
	SettleIn    time.Duration // how long the hub may take to confirm a settlement; default 10 s
	AnswerIn    time.Duration // a direct method is answered within this; default 25 s, the hub's own default for its callers is 30 s

	// FeedbackLink makes Serve send the feedback on commands itself, on a link to
	// /messages/serviceBound/feedback, where the hub lets it. Default false: hubs
	// make feedback from the settlement.
	FeedbackLink bool

	Clock clock.Clock  // dates results and judges expiry times
	Log   *slog.Logger // default none

	// Failpoint is called wherever a command may be interrupted, with its
	// message-id: tests end the process there. Default none.
	Failpoint func(Point, string)

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
	sender feedbackSender
	slots  chan struct{} // taken out by each command in work, put back when its outcome stands
	count  counters

	without atomic.Pointer[string] // condition with which the hub said that it has no direct methods; nil while it does not say so

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
	opt.AnswerIn = positive(opt.AnswerIn, 25*time.Second)
	if opt.Concurrency <= 0 {
		opt.Concurrency = 4
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	actions := slices.Clone(opt.Actions)
	sort.Slice(actions, func(i, j int) bool { return actions[i].Name < actions[j].Name })
	l := &Loop{
		opt: opt,
		table: table{actions: actions, allow: map[string][]string{
			DoorDevicebound: slices.Clone(opt.Allow), DoorMethods: slices.Clone(opt.AllowMethods), DoorLocal: slices.Clone(opt.AllowLocal),
		}},
		memory: memory{attempts: map[string]*attempt{}, past: map[string]*past{}, promised: map[string]bool{}},
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
	if l.opt.FeedbackLink {
		defer l.openFeedback(ctx, session)()
	}
	return l.serve(ctx, r)
}

// serve is Serve on any source of deliveries.
func (l *Loop) serve(ctx context.Context, from source) error {
	return l.inRoom(ctx, func(ctx context.Context) (work, error) {
		m, d, err := from.receive(ctx)
		if err != nil {
			return nil, err
		}
		m.holdUntil, m.lockUntil = m.received.Add(l.opt.Hold), m.received.Add(lockFor-lockMargin)
		c, carry := l.begin(m)
		return func(ctx context.Context) error { return l.settle(ctx, c, d, carry(ctx)) }, nil
	})
}

// work is what is left to do for one delivery. Its error ends the round.
type work func(context.Context) error

// inRoom calls next again and again and starts the work it returns, until ctx
// ends or either fails. Its room is as large as the credit, so that a peer which
// sends beyond it is not read. Then it waits for Grace for what is under way.
func (l *Loop) inRoom(ctx context.Context, next func(context.Context) (work, error)) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	room := make(chan struct{}, l.opt.Concurrency)
	err := l.fill(ctx, end, next, room)
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

// fill starts work as long as there is room.
func (l *Loop) fill(ctx context.Context, end context.CancelCauseFunc, next func(context.Context) (work, error), room chan struct{}) error {
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		w, err := next(ctx)
		if err != nil {
			<-room
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		go func() {
			defer func() { <-room }()
			if err := w(ctx); err != nil {
				end(err)
			}
		}()
	}
}

// begin decodes a message and gives it its place: in the line of its target, or
// behind an attempt at the same command. That is done in the order of delivery;
// carrying it to its ending is not.
func (l *Loop) begin(m *message) (*command, func(context.Context) ending) {
	l.count.received.Add(1)
	c := l.table.decode(m)
	l.at(PointReceived, c)
	l.report(c, Report{Step: StepReceive})
	decoded := Report{Step: StepDecode}
	if c.reject != nil {
		decoded.Condition, decoded.Reason = c.reject.Condition, c.reject.Reason
	}
	l.at(PointDecoded, c)
	l.report(c, decoded)

	a, mine := l.memory.join(c.identity)
	if !mine {
		return c, func(ctx context.Context) ending { return follow(ctx, c, a) }
	}
	k := l.turns.take(c.target)
	return c, func(ctx context.Context) ending {
		e := l.attempt(ctx, c, k)
		l.memory.conclude(c.identity, a, e)
		return e
	}
}

// follow waits for the ending of the attempt that was there before this delivery.
func follow(ctx context.Context, c *command, a *attempt) ending {
	lock := time.NewTimer(time.Until(c.lockUntil))
	defer lock.Stop()
	e := abandon(&BusyError{"the same command is still running"})
	select {
	case <-a.done:
		e = a.end
		e.again, e.after, e.duration, e.holdUntil = e.kind == decided, nil, 0, time.Time{}
	case <-ctx.Done():
		e = abandon(errStopping)
	case <-lock.C:
	}
	return e
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
