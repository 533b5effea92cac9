package sensors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/pulse"
)

// Errors that callers of Read and SetInterval act on.
var (
	// ErrUnknownSensor names a sensor that is not on this bus.
	ErrUnknownSensor = errors.New("no such sensor")
	// ErrHung says that a call on the bus does not return: nothing can be read now.
	ErrHung = errors.New("bus is hung")
	// ErrStopped says that Run has ended.
	ErrStopped = errors.New("sampler has stopped")
	// ErrInterval refuses an interval outside MinEvery..MaxEvery.
	ErrInterval = errors.New("interval out of range")
)

// SamplerOptions says what a sampler samples.
type SamplerOptions struct {
	Bus      string                         // name of the bus; default "" (no bus)
	Sensors  []Sensor                       // the sensors on that bus, names unique; default none
	Clock    clock.Clock                    // takes the stamps; default clock.System()
	Out      func(context.Context, Reading) // receives each sample of the grid, on Run's goroutine: while it blocks the bus rests; default drops
	Deadline time.Duration                  // of one call into a source; default 5 s
	Log      *slog.Logger                   // default discards
}

// Sampler owns one bus and samples the sensors on it. Its methods are safe for
// concurrent use.
type Sampler struct {
	opt    SamplerOptions
	lanes  []*lane
	reads  chan readRequest
	tasks  chan task
	wake   chan struct{} // an interval was changed
	ended  chan struct{} // closed when Run has ended
	orphan atomic.Bool   // Run has ended: a call that returns now cleans up itself
	begin  time.Time     // zero of the grid; Run's own
	zero   time.Duration // boot time then
	slept  time.Duration // of it in suspend since; Run's own
	timer  *time.Timer   // see alarm; Run's own
	done   chan result   // of the next call; nil = to be made; Run's own
	pulse  pulse.Pulse

	mu   sync.Mutex // guards hang and every lane.state
	hang *hang
}

// lane is one sensor of a sampler. All but state belongs to Run's goroutine.
type lane struct {
	Sensor
	source Source
	truth  *truth
	every  time.Duration
	tick   time.Time     // next tick of the grid not yet served
	delay  time.Duration // behind it the sample is taken
	retry  time.Time     // when to try again; zero while the grid decides
	errors int           // failures in a row
	state  State         // guarded by Sampler.mu
	off    bool          // guarded by Sampler.mu: not asked on the grid
}

type readRequest struct {
	lane  *lane
	reply chan readReply // buffered
}

type readReply struct {
	reading Reading
	err     error
}

// NewSampler returns a sampler that waits for Run.
func NewSampler(opt SamplerOptions) *Sampler {
	if opt.Clock == nil {
		opt.Clock = clock.System()
	}
	if opt.Out == nil {
		opt.Out = func(context.Context, Reading) {}
	}
	if opt.Deadline <= 0 {
		opt.Deadline = 5 * time.Second
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sampler{
		opt:   opt,
		reads: make(chan readRequest),
		tasks: make(chan task),
		wake:  make(chan struct{}, 1),
		ended: make(chan struct{}),
	}
	for _, c := range opt.Sensors {
		every := clampEvery(c.Every)
		s.lanes = append(s.lanes, &lane{Sensor: c, truth: newTruth(c.Expect), every: every, state: State{
			Sensor: c.Name, Bus: c.Bus, Source: c.Source, Condition: Starting, Every: every, Align: c.Align, Jitter: c.Jitter,
		}})
	}
	return s
}

// Run samples until ctx ends and then closes the sources. It waits at most
// stopWait for a call that is under way, and returns nil. It may be called once.
func (s *Sampler) Run(ctx context.Context) error {
	defer close(s.ended)
	defer s.pulse.Rest(time.Time{})
	s.pulse.Beat()
	s.begin = time.Now()
	s.zero = s.opt.Clock.Now().BootTime
	for _, l := range s.lanes {
		s.setTick(l, s.begin)
	}
	for {
		now := s.now()
		if l := s.due(now); l != nil {
			s.serve(ctx, l, now)
		}
		if !s.wait(ctx) {
			s.closeAll()
			return nil
		}
	}
}

// wait sleeps until a lane is due and answers what comes in between. It returns
// false when ctx has ended.
func (s *Sampler) wait(ctx context.Context) bool {
	var timer <-chan time.Time
	at := s.next()
	if !at.IsZero() {
		pause := min(at.Sub(s.now()), suspendLook)
		at = time.Now().Add(pause)
		timer = s.alarm(pause).C
	}
	var returned chan result
	if s.hang != nil {
		returned = s.hang.done
	}
	s.pulse.Rest(at)
	defer s.pulse.Beat()
	select {
	case <-ctx.Done():
		return false
	case <-timer:
	case r := <-s.reads:
		s.pulse.Beat()
		reading, err := s.sample(ctx, r.lane)
		r.reply <- readReply{reading, err}
	case t := <-s.tasks:
		t.done <- s.carryOut(ctx, t)
	case res := <-returned:
		s.unhang(res)
	case <-s.wake:
		s.regrid(s.now())
	}
	return ctx.Err() == nil
}

// serve gives a lane that is due its turn: a sample, or a missed tick.
func (s *Sampler) serve(ctx context.Context, l *lane, now time.Time) {
	ticks := s.passTicks(l, now)
	if s.isOff(l) {
		l.retry = time.Time{}
		return
	}
	if s.hang != nil || l.retry.After(now) {
		s.miss(l, ticks)
		return
	}
	s.miss(l, max(ticks-1, 0))
	reading, err := s.sample(ctx, l)
	if err == nil {
		s.opt.Out(ctx, reading)
	}
}

// sample takes one sample of l now, opening its source first when there is
// none, and records how it went.
func (s *Sampler) sample(ctx context.Context, l *lane) (Reading, error) {
	if s.hang != nil {
		return Reading{}, s.hang.err()
	}
	if l.source == nil {
		res, err := s.call(ctx, l, "open", func(ctx context.Context) (res result) {
			res.source, res.err = l.Open(ctx)
			if res.err == nil && res.source == nil {
				res.err = errors.New("opener gave no source")
			}
			return res
		})
		if err != nil {
			s.fail(ctx, l, err)
			return Reading{}, err
		}
		l.source = res.source
	}
	source, stamp := l.source, s.opt.Clock.Now()
	res, err := s.call(ctx, l, "sense", func(ctx context.Context) (res result) {
		res.values, res.err = source.Sense(ctx)
		if res.err == nil && len(res.values) == 0 {
			res.err = errors.New("no values")
		}
		return res
	})
	if err != nil {
		s.fail(ctx, l, err)
		return Reading{}, err
	}
	l.truth.judge(stamp.BootTime, res.values)
	reading := Reading{Sensor: l.Name, Stamp: stamp, Values: res.values}
	s.succeed(l, reading)
	return reading, nil
}

// Read takes a sample of the named sensor now, on the goroutine that owns the
// bus, whatever the grid and the pauses after failures say. The reading does
// not go to SamplerOptions.Out. Read waits for Run and for the call that is
// under way, until ctx ends.
func (s *Sampler) Read(ctx context.Context, name string) (Reading, error) {
	l := s.lane(name)
	if l == nil {
		return Reading{}, fmt.Errorf("read %q: %w", name, ErrUnknownSensor)
	}
	r := readRequest{lane: l, reply: make(chan readReply, 1)}
	select {
	case s.reads <- r:
	case <-s.ended:
		return Reading{}, fmt.Errorf("read %q: %w", name, ErrStopped)
	case <-ctx.Done():
		return Reading{}, fmt.Errorf("read %q: %w", name, context.Cause(ctx))
	}
	select {
	case a := <-r.reply:
		if a.err != nil {
			return Reading{}, fmt.Errorf("read %q: %w", name, a.err)
		}
		a.reading.Values = slices.Clone(a.reading.Values)
		return a.reading, nil
	case <-ctx.Done():
		return Reading{}, fmt.Errorf("read %q: %w", name, context.Cause(ctx))
	}
}

// SetInterval changes how often the named sensor is sampled, from now until the
// process ends. It is ErrInterval when d is outside MinEvery..MaxEvery.
func (s *Sampler) SetInterval(name string, d time.Duration) error {
	l := s.lane(name)
	if l == nil {
		return fmt.Errorf("set interval of %q: %w", name, ErrUnknownSensor)
	}
	if d < MinEvery || d > MaxEvery {
		return fmt.Errorf("set interval of %q to %v: %w (%v to %v)", name, d, ErrInterval, MinEvery, MaxEvery)
	}
	s.mu.Lock()
	l.state.Every = d
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // Run has not yet taken the last notice and will see this change with it
	}
	return nil
}

// SetEnabled has the named sensor sampled or not, from now until the process ends.
// Read asks a disabled one too.
func (s *Sampler) SetEnabled(name string, on bool) error {
	l := s.lane(name)
	if l == nil {
		return fmt.Errorf("enable %q: %w", name, ErrUnknownSensor)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.off = !on
	return nil
}

func (s *Sampler) isOff(l *lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.off
}

// States returns how each sensor is doing, in the order of SamplerOptions.
func (s *Sampler) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]State, len(s.lanes))
	for i, l := range s.lanes {
		st := l.state
		st.Last.Values = slices.Clone(st.Last.Values)
		if l.off {
			st.Condition, st.Reason, st.Hint = Disabled, "", ""
		}
		if s.hang != nil {
			st.Condition, st.Reason, st.Hint = Hung, s.hang.reason(), hangHint
		}
		out[i] = st
	}
	return out
}

// Late returns for how long Run should have come round, 0 while it is in time. A
// bus that is hung does not make it late: the loop goes on counting what it misses.
func (s *Sampler) Late() time.Duration { return s.pulse.Late() }

func (s *Sampler) lane(name string) *lane {
	for _, l := range s.lanes {
		if l.Name == name {
			return l
		}
	}
	return nil
}
