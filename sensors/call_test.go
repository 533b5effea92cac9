package sensors

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPanicIsAFailure(t *testing.T) {
	for name, sense := range map[string]func(context.Context, int) (float64, error){
		"panic": func(_ context.Context, n int) (float64, error) {
			if n == 1 {
				panic("index out of range")
			}
			return 1, nil
		},
		"goexit": func(_ context.Context, n int) (float64, error) {
			if n == 1 {
				runtime.Goexit()
			}
			return 1, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &scripted{sense: sense}
				b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Second})
				defer b.stop()
				after(time.Millisecond)
				if s := b.state(0); s.Condition != Failing || !strings.Contains(s.Reason, "driver") {
					t.Errorf("%+v", s)
				}
				if _, closes, _ := src.counts(); name == "panic" && closes != 1 {
					t.Errorf("%d closes after a panic", closes)
				}
				after(2*retryMin + time.Second)
				if s := b.state(0); s.Condition != OK {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestPanicOfAnOpener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Sensor{Name: "a", Open: func(context.Context) (Source, error) { panic("nil map") }, Every: time.Second},
			Sensor{Name: "b", Open: func(context.Context) (Source, error) { return nil, nil }, Every: time.Second})
		defer b.stop()
		after(time.Minute)
		for i, want := range []string{"driver panicked: nil map", "opener gave no source"} {
			if s := b.state(i); s.Condition != Failing || s.Reason != want {
				t.Errorf("%+v, want %q", s, want)
			}
		}
	})
}

// A call that does not return holds up its own bus only, and only until it
// returns.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		bad := &scripted{sense: func(_ context.Context, n int) (float64, error) {
			if n == 2 {
				<-release
			}
			return 1, nil
		}}
		neighbour, elsewhere := &scripted{}, &scripted{}
		b := start(t, Sensor{Name: "a", Open: bad.Open, Every: time.Second}, Sensor{Name: "b", Open: neighbour.Open, Every: time.Second})
		defer b.stop()
		other := start(t, Sensor{Name: "c", Open: elsewhere.Open, Every: time.Second})
		defer other.stop()

		after(time.Minute + time.Millisecond)
		for i := range 2 {
			if s := b.state(i); s.Condition != Hung || !strings.Contains(s.Reason, "sense of a") || s.Hint == "" || s.Missed < 50 {
				t.Errorf("%+v", s)
			}
		}
		if s := other.state(0); s.Condition != OK || s.Samples != 61 || s.Missed != 0 {
			t.Errorf("another bus: %+v", s)
		}
		if _, err := b.Read(t.Context(), "b"); !errors.Is(err, ErrHung) || hintOf(err) == "" {
			t.Errorf("read on a hung bus: %v", err)
		}

		close(release)
		after(1100 * time.Millisecond)
		for i := range 2 {
			if s := b.state(i); s.Condition != OK {
				t.Errorf("after the hang: %+v", s)
			}
		}
		if _, err := b.Read(t.Context(), "b"); err != nil {
			t.Errorf("read after the hang: %v", err)
		}
		for _, d := range b.taken() {
			if d > 1500*time.Millisecond && d < time.Minute {
				t.Errorf("a reading of %v came from the hung call", d)
			}
		}
		if s := b.state(1); s.Samples+s.Missed != 62+1 {
			t.Errorf("62 ticks and a read, but %+v", s)
		}
	})
}

// A source that is opened after the deadline is not opened twice.
func TestHangInOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{open: func(int) error { time.Sleep(20 * time.Second); return nil }}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Second})
		after(15 * time.Second)
		if s := b.state(0); s.Condition != Hung {
			t.Errorf("%+v", s)
		}
		after(10 * time.Second)
		if s := b.state(0); s.Condition != OK {
			t.Errorf("%+v", s)
		}
		b.stop()
		if opens, closes, _ := src.counts(); opens != 1 || closes != 1 {
			t.Errorf("%d opens, %d closes", opens, closes)
		}
	})
}

// A source that watches its context fails and does not hang.
func TestDeadlineReachesTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{sense: func(ctx context.Context, n int) (float64, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Minute})
		defer b.stop()
		after(6 * time.Second)
		if s := b.state(0); s.Condition != Failing || s.Failures == 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Run ends in time although a call hangs, and what that call opens is closed.
func TestStopWhileHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{open: func(int) error { time.Sleep(time.Hour); return nil }}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Second})
		after(time.Minute)
		begin := time.Now()
		b.stop()
		if d := time.Since(begin); d > stopWait {
			t.Errorf("took %v to stop", d)
		}
		after(2 * time.Hour)
		if opens, closes, _ := src.counts(); opens != 1 || closes != 1 {
			t.Errorf("%d opens, %d closes", opens, closes)
		}
		if _, err := b.Read(t.Context(), "a"); !errors.Is(err, ErrStopped) {
			t.Errorf("read after the end: %v", err)
		}
	})
}

func TestStopDuringACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{sense: func(_ context.Context, n int) (float64, error) { time.Sleep(time.Second); return 1, nil }}
		b := start(t, Sensor{Name: "a", Open: src.Open, Every: time.Second})
		after(500 * time.Millisecond)
		begin := time.Now()
		b.stop()
		if d := time.Since(begin); d > stopWait {
			t.Errorf("took %v to stop", d)
		}
		if opens, closes, _ := src.counts(); opens != 1 || closes != 1 {
			t.Errorf("%d opens, %d closes", opens, closes)
		}
	})
}
