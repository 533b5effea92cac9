package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/config"
)

func TestLeastTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, config.Output{Name: "pump", MinOn: 30 * time.Second, MinOff: time.Minute})
		for _, step := range []struct {
			after time.Duration
			on    bool
			want  string
		}{
			{0, true, "busy"}, // how long it was off before the start is not known
			{59 * time.Second, true, "busy"},
			{time.Second, true, "ok"},
			{time.Second, true, "ok"}, // it is on already
			{28 * time.Second, false, "busy"},
			{time.Second, false, "ok"},
			{time.Second, true, "busy"},
			{59 * time.Second, true, "ok"},
		} {
			time.Sleep(step.after)
			if got := b.try("pump", step.on); got != step.want {
				t.Errorf("after %v, on %v: %s, want %s", step.after, step.on, got, step.want)
			}
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		b.want("a stop waits for no least time", "pump=false")
		time.Sleep(time.Hour)
		if got := b.try("pump", true); got != "failed" {
			t.Errorf("set after the stop: %s", got)
		}
	})
}

func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, config.Output{Name: "up", Group: "motor", Initial: true}, config.Output{Name: "down", Group: "motor", Safe: true}, config.Output{Name: "lamp"})
		if got := b.try("down", true); got != "interlock" {
			t.Errorf("second of a group: %s", got)
		}
		if got := b.try("lamp", true); got != "ok" {
			t.Errorf("of no group: %s", got)
		}
		if b.try("up", false) != "ok" || b.try("down", true) != "ok" || b.try("up", true) != "interlock" {
			t.Error("the other way round")
		}
		b.want("switched over", "up=false down=true lamp=true")
		if b.try("down", false) != "ok" || b.try("up", true) != "ok" {
			t.Error("and back")
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		b.want("stopped: first what goes off", "up=false down=true lamp=false")
		if b.target("up") != b.target("down") || b.target("up") == b.target("lamp") {
			t.Error("targets")
		}
	})
}

func TestSafeAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, config.Output{Name: "a", SafeAfter: time.Minute, MinOn: time.Hour}, config.Output{Name: "b", SafeAfter: 2 * time.Minute, Safe: true}, config.Output{Name: "c"})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.run(ctx) }()
		b.link(true)
		for _, name := range []string{"a", "c"} {
			b.try(name, true)
		}
		time.Sleep(time.Hour)
		b.want("online", "a=true b=false c=true")
		b.link(false)
		time.Sleep(30 * time.Second)
		b.link(false) // another attempt failed: it is the same loss
		time.Sleep(31 * time.Second)
		b.want("a minute offline", "a=false b=false c=true")
		if b.try("a", true) != "ok" {
			t.Error("somebody at the gateway cannot switch it")
		}
		time.Sleep(time.Minute)
		b.want("two minutes offline", "a=true b=true c=true")
		b.link(true)
		b.link(false)
		time.Sleep(59 * time.Second)
		b.want("the next loss counts anew", "a=true b=true c=true")
		b.fail(nil, errors.New("stuck"))
		time.Sleep(10 * time.Second)
		b.fail(nil, nil)
		time.Sleep(10 * time.Second)
		b.want("tried until it is", "a=false b=true c=true")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A pulse that the loss of the link has ended does not leave the safe level.
func TestSafeEndsAPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, config.Output{Name: "valve", SafeAfter: time.Minute, Safe: true}, config.Output{Name: "lamp", SafeAfter: time.Hour})
		a := &Agent{outputs: b.outputs}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.run(ctx) }()
		time.Sleep(50 * time.Second)
		for name, want := range map[string]error{"valve": errMadeSafe, "lamp": nil} {
			go func() {
				if _, err := a.pulse(ctx, name, true, 20*time.Second); !errors.Is(err, want) {
					t.Errorf("pulse of %s: %v, want %v", name, err, want)
				}
			}()
		}
		time.Sleep(5 * time.Second)
		b.want("both pulse", "valve=true lamp=true")
		time.Sleep(30 * time.Second)
		b.want("a minute without a link", "valve=true lamp=false")
		if _, err := a.pulse(ctx, "valve", false, time.Second); err != nil {
			t.Errorf("somebody at the gateway cannot pulse it: %v", err)
		}
		b.want("and back", "valve=true lamp=false")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What stays broken is told once, not at every try.
func TestStuckOutputIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, config.Output{Name: "valve", SafeAfter: time.Minute, Safe: true})
		var log bytes.Buffer
		b.log = slog.New(slog.NewTextHandler(&log, nil))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.run(ctx) }()
		b.fail(nil, errors.New("stuck"))
		time.Sleep(time.Hour)
		b.fail(nil, errors.New("stuck otherwise"))
		time.Sleep(time.Hour)
		b.fail(nil, nil)
		time.Sleep(time.Hour)
		b.want("at last", "valve=true")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if errs, done := strings.Count(log.String(), "level=ERROR"), strings.Count(log.String(), "were set"); errs != 2 || done != 1 {
			t.Errorf("%d errors and %d ends told:\n%s", errs, done, log.String())
		}
	})
}
