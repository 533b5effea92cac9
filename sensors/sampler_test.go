package sensors

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
)

var (
	noon    = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	errTest = errors.New("no such device or address")
)

// scripted is a source whose calls a test decides.
type scripted struct {
	mu     sync.Mutex
	opens  int
	closes int
	open   func(n int) error                                 // nth Open, from 1; nil = fine
	sense  func(ctx context.Context, n int) (float64, error) // nth Sense of all, from 1
	senses int
}

func (s *scripted) Open(context.Context) (Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opens++
	if s.open != nil {
		if err := s.open(s.opens); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *scripted) Sense(ctx context.Context) ([]Value, error) {
	s.mu.Lock()
	s.senses++
	n := s.senses
	s.mu.Unlock()
	x, err := float64(n), error(nil)
	if s.sense != nil {
		x, err = s.sense(ctx, n)
	}
	if err != nil {
		return nil, err
	}
	return []Value{{Name: "x", Unit: "V", Num: x}}, nil
}

func (s *scripted) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closes++
	return nil
}

func (s *scripted) counts() (opens, closes, senses int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opens, s.closes, s.senses
}

// bench runs a sampler in a synctest bubble.
type bench struct {
	*Sampler
	t     *testing.T
	begin time.Time
	stop  func()
	mu    sync.Mutex
	out   []Reading
}

func start(t *testing.T, ss ...Sensor) *bench {
	b := &bench{t: t, begin: time.Now()}
	b.Sampler = NewSampler(SamplerOptions{
		Bus: "i2c-1", Sensors: ss, Clock: clock.NewFake(noon).Follow(),
		Out: func(_ context.Context, r Reading) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.out = append(b.out, r)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

// after lets d pass and everything settle.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// taken returns when the readings so far were taken, since the start.
func (b *bench) taken() (ds []time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.out {
		ds = append(ds, r.Stamp.BootTime)
	}
	return ds
}

func (b *bench) state(i int) State { return b.States()[i] }

func TestGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &scripted{sense: func(_ context.Context, n int) (float64, error) {
			if n == 2 {
				time.Sleep(3500 * time.Millisecond)
			}
			return 1, nil
		}}
		b := start(t, Sensor{Name: "a", Open: slow.Open, Every: time.Second})
		defer b.stop()
		if s := b.state(0); s.Every != time.Second {
			t.Errorf("state %+v", s)
		}
		after(5900 * time.Millisecond)
		want := []time.Duration{0, time.Second, 4500 * time.Millisecond, 5 * time.Second}
		if got := b.taken(); !slices.Equal(got, want) {
			t.Errorf("samples at %v, want %v", got, want)
		}
		if s := b.state(0); s.Missed != 2 || s.Samples != 4 || s.Condition != OK || !s.NextTry.Equal(b.begin.Add(6*time.Second)) {
			t.Errorf("state %+v", s)
		}
	})
}

func TestSetInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Hour})
		defer b.stop()
		after(time.Minute)
		for _, d := range []time.Duration{0, MinEvery - 1, MaxEvery + 1} {
			if err := b.SetInterval("a", d); !errors.Is(err, ErrInterval) {
				t.Errorf("interval %v: %v", d, err)
			}
		}
		if err := b.SetInterval("b", time.Second); !errors.Is(err, ErrUnknownSensor) {
			t.Errorf("unknown sensor: %v", err)
		}
		if err := b.SetInterval("a", 10*time.Second); err != nil {
			t.Fatal(err)
		}
		after(25 * time.Second)
		got := b.taken()
		if len(got) != 4 || got[1] != time.Minute || got[3] != 80*time.Second {
			t.Errorf("samples at %v", got)
		}
		if s := b.state(0); s.Missed != 0 || s.Every != 10*time.Second {
			t.Errorf("state %+v", s)
		}
	})
}

// A disabled sensor is left alone, failing or not, and missed ticks are not
// counted; what is enabled goes on with its grid.
func TestSetEnabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{}
		broken := &scripted{sense: func(context.Context, int) (float64, error) { return 0, errors.New("broken") }}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Second}, Sensor{Name: "b", Open: broken.Open, Every: time.Second})
		defer b.stop()
		if err := b.SetEnabled("c", false); !errors.Is(err, ErrUnknownSensor) {
			t.Errorf("unknown sensor: %v", err)
		}
		after(1500 * time.Millisecond)
		for _, name := range []string{"a", "b"} {
			if err := b.SetEnabled(name, false); err != nil {
				t.Error(err)
			}
		}
		missed := b.state(0).Missed + b.state(1).Missed
		_, _, senses := broken.counts()
		after(time.Minute)
		if _, _, now := broken.counts(); b.state(0).Condition != Disabled || len(b.taken()) != 2 || now != senses || b.state(0).Missed+b.state(1).Missed != missed {
			t.Errorf("disabled: %+v, %d samples, %d calls", b.state(0), len(b.taken()), now-senses)
		}
		if _, err := b.Read(t.Context(), "a"); err != nil {
			t.Errorf("read of a disabled sensor: %v", err)
		}
		if err := b.SetEnabled("a", true); err != nil {
			t.Error(err)
		}
		after(time.Second)
		if got := b.taken(); len(got) != 3 || got[2] != 62*time.Second || b.state(0).Condition != OK {
			t.Errorf("enabled again: samples at %v, %+v", got, b.state(0))
		}
	})
}

func TestIntervalsAreClamped(t *testing.T) {
	s := NewSampler(SamplerOptions{Sensors: []Sensor{{Name: "a"}, {Name: "b", Every: 1}, {Name: "c", Every: 1 << 62}}})
	for i, want := range []time.Duration{DefaultEvery, MinEvery, MaxEvery} {
		if got := s.States()[i]; got.Every != want || got.Condition != Starting {
			t.Errorf("%+v, want every %v", got, want)
		}
	}
}

func TestReadNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Hour})
		defer b.stop()
		after(time.Minute)
		r, err := b.Read(t.Context(), "a")
		if err != nil || r.Sensor != "a" || r.Stamp.BootTime != time.Minute || len(r.Values) != 1 || r.Values[0].Num != 2 {
			t.Errorf("%+v, %v", r, err)
		}
		if n := len(b.taken()); n != 1 {
			t.Errorf("%d readings went out, want the one of the grid", n)
		}
		if s := b.state(0); s.Samples != 2 || s.Last.Stamp.BootTime != time.Minute {
			t.Errorf("%+v", s)
		}
		if _, err := b.Read(t.Context(), "b"); !errors.Is(err, ErrUnknownSensor) {
			t.Errorf("unknown sensor: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		idle := NewSampler(SamplerOptions{Sensors: []Sensor{{Name: "a", Open: src.Open}}})
		if _, err := idle.Read(ctx, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("read before Run: %v", err)
		}
	})
}

func TestBadValuesTravelMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{sense: func(context.Context, int) (float64, error) { return 1e300, nil }}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Second})
		defer b.stop()
		after(time.Millisecond)
		if s := b.state(0); s.Condition != OK || s.Last.Values[0].Quality != Bad {
			t.Errorf("%+v", s)
		}
	})
}

// What is expected of a value is looked at in each sample, and what came of it
// is counted.
func TestMarkedValuesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{} // 1, 2, 3, ... V
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Second, Expect: []Expect{
			{Name: "x", Lo: 0, Hi: 3, Sentinels: []Sentinel{{Num: 2, Reason: "power-on-value"}}, Calibration: Calibration{Offset: 0.5}},
		}})
		time.Sleep(4500 * time.Millisecond)
		b.stop()
		if st := b.States()[0]; st.Samples != 5 || st.Bad != 1 || st.Suspect != 2 || st.Last.Values[0].Num != 5.5 {
			t.Errorf("%+v", st)
		}
	})
}
