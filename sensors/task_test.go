package sensors

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// alone is a source that minds whether anything else is on its bus.
type alone struct {
	mu   sync.Mutex
	busy bool
}

func (a *alone) open(context.Context) (Source, error) { return a, nil }
func (a *alone) Close() error                         { return nil }

func (a *alone) Sense(context.Context) ([]Value, error) {
	return []Value{{Name: "x", Num: 1}}, a.take(10 * time.Millisecond)
}

// take has the bus for so long.
func (a *alone) take(d time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy {
		return errors.New("not alone")
	}
	a.busy = true
	a.mu.Unlock()
	time.Sleep(d)
	a.mu.Lock()
	a.busy = false
	return nil
}

// A task runs between samples, and never beside one.
func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := new(alone)
		s := NewSampler(SamplerOptions{Bus: "b", Sensors: []Sensor{{Name: "a", Every: time.Second, Open: src.open}}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		ran := 0
		for range 5 {
			err := s.Do(t.Context(), "look", func(context.Context) error {
				ran++
				return src.take(100 * time.Millisecond)
			})
			if err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		if st := s.States()[0]; ran != 5 || st.Samples < 5 || st.Missed != 0 || st.Condition != OK {
			t.Errorf("%d tasks, %+v", ran, st)
		}
		errTest := errors.New("test")
		if err := s.Do(t.Context(), "look", func(context.Context) error { return errTest }); !errors.Is(err, errTest) {
			t.Error(err)
		}
		if err := s.Do(t.Context(), "look", func(context.Context) error { panic("test") }); err == nil {
			t.Error("a panic is no error")
		}
		stop()
		<-done
		if err := s.Do(t.Context(), "look", func(context.Context) error { return nil }); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
	})
}

// A task that does not return hangs the bus, until it does.
func TestDoThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := new(alone)
		s := NewSampler(SamplerOptions{Bus: "b", Sensors: []Sensor{{Name: "a", Every: time.Second, Open: src.open}}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		free := make(chan struct{})
		if err := s.Do(t.Context(), "look", func(context.Context) error { <-free; return nil }); !errors.Is(err, ErrHung) {
			t.Error(err)
		}
		if st := s.States()[0]; st.Condition != Hung {
			t.Errorf("%+v", st)
		}
		if err := s.Do(t.Context(), "look", func(context.Context) error { return nil }); !errors.Is(err, ErrHung) {
			t.Error(err)
		}
		close(free)
		time.Sleep(3 * time.Second)
		if st := s.States()[0]; st.Condition != OK {
			t.Errorf("%+v", st)
		}
		stop()
		<-done
	})
}

// Who waits no longer has its task ended, and one that was not begun is not.
func TestDoCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSampler(SamplerOptions{Bus: "b"})
		gone, cancel := context.WithCancel(t.Context())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		ended := make(chan error, 1)
		time.AfterFunc(time.Second, cancel)
		err := s.Do(gone, "look", func(ctx context.Context) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil
		})
		if !errors.Is(err, context.Canceled) || !errors.Is(<-ended, context.Canceled) {
			t.Error(err)
		}
		if err := s.Do(gone, "look", func(context.Context) error { t.Error("begun"); return nil }); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		stop()
		<-done
	})
}
