package board

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ledTree makes a LED of a fake /sys.
func ledTree(t *testing.T, trigger string) (root, dir string) {
	t.Helper()
	root = t.TempDir()
	dir = filepath.Join(root, ledsDir, "ACT")
	err := os.MkdirAll(dir, 0o700)
	for name, text := range map[string]string{"trigger": trigger + "\n", "brightness": "0\n", "max_brightness": "255\n"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return root, dir
}

func fileText(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// seen is what a person sees of a LED in a time: the flashes between two pauses, the
// most of them, and how long the longest pause is. It looks between the instants at
// which a light changes.
func seen(t *testing.T, dir string, d time.Duration) (flashes int, pause time.Duration) {
	t.Helper()
	const look = 10 * time.Millisecond
	was, run, dark := false, 0, time.Duration(0)
	time.Sleep(look / 2)
	defer time.Sleep(look / 2)
	for range d / look {
		time.Sleep(look)
		on := fileText(t, dir, "brightness") == "255"
		if on && !was {
			if dark >= time.Second {
				run = 0
			}
			run++
			flashes = max(flashes, run)
		}
		if dark += look; on {
			dark = 0
		}
		pause, was = max(pause, dark), on
	}
	return flashes, pause
}

func TestLight(t *testing.T) {
	root, dir := ledTree(t, "none [mmc0] heartbeat")
	synctest.Test(t, func(t *testing.T) {
		l := NewLight(LightOptions{Name: "ACT", Root: root})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		synctest.Wait()
		if got := fileText(t, dir, "trigger"); got != "none" {
			t.Errorf("the trigger is %q, which goes on blinking", got)
		}
		for _, c := range []struct {
			p       Pattern
			flashes int
			pause   time.Duration
		}{
			{LightGood, 2, 1650 * time.Millisecond}, {LightBoard, 1, 2 * time.Second}, {LightSensor, 2, 2 * time.Second},
			{LightStore, 3, 2 * time.Second}, {LightNetwork, 4, 2 * time.Second}, {LightIdentity, 5, 2 * time.Second}, {LightHub, 6, 2 * time.Second},
			{LightStarting, 1, time.Second}, {LightWrong, 100, 100 * time.Millisecond},
		} {
			l.Show(c.p)
			time.Sleep(10 * time.Second)
			flashes, pause := seen(t, dir, 20*time.Second)
			if c.p == LightWrong && flashes >= 99 {
				flashes = 100
			}
			if flashes != c.flashes || (pause-c.pause).Abs() > 10*time.Millisecond {
				t.Errorf("pattern %d: %d flashes, pause %v", c.p, flashes, pause)
			}
		}
		cancel()
		if err := <-ended; err != nil || l.Fault() != nil {
			t.Error(err, l.Fault())
		}
		if got := fileText(t, dir, "trigger") + fileText(t, dir, "brightness"); got != "mmc00" {
			t.Errorf("left as %q", got)
		}
	})
}

// A light that nothing triggered is left as bright as it was.
func TestLightIsLeftAsItWas(t *testing.T) {
	root, dir := ledTree(t, "[none] mmc0")
	if err := os.WriteFile(filepath.Join(dir, "brightness"), []byte("7"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := NewLight(LightOptions{Name: "/sys/class/leds/ACT", Root: root})
	la, err := l.take()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.blink(ctx, la), la.leave()); err != nil || fileText(t, dir, "brightness") != "7" || fileText(t, dir, "trigger") != "none" {
		t.Error(err, fileText(t, dir, "brightness"), fileText(t, dir, "trigger"))
	}
}

// A light that is missing is told of, and taken when it comes.
func TestLightThatIsMissing(t *testing.T) {
	root, dir := ledTree(t, "[none]")
	synctest.Test(t, func(t *testing.T) {
		if err := os.Rename(dir, dir+"-away"); err != nil {
			t.Fatal(err)
		}
		lines := oneLine{}
		l := NewLight(LightOptions{Name: "ACT", Root: root, Lines: lines})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		time.Sleep(time.Second)
		var e *Error
		if !errors.As(l.Fault(), &e) || !strings.Contains(e.Hint(), "/sys/class/leds") {
			t.Errorf("fault %v", l.Fault())
		}
		if err := os.Rename(dir+"-away", dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lightRetry)
		if flashes, _ := seen(t, dir, 10*time.Second); flashes == 0 || l.Fault() != nil {
			t.Errorf("%d flashes, fault %v", flashes, l.Fault())
		}
		cancel()
		<-ended
	})
}

// A line serves too, and is switched at changes only.
func TestLightOnALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &countedOutput{}
		l := NewLight(LightOptions{Name: "GPIO4", Root: t.TempDir(), Lines: oneLine{"GPIO4", out}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		l.Show(LightGood)
		time.Sleep(time.Minute)
		cancel()
		<-ended
		if out.sets < 115 || out.same > 2 || out.on || !out.closed {
			t.Errorf("switched %d times, %d of them to what it was; %+v", out.sets, out.same, out)
		}
	})
}

// oneLine has one line, or none.
type oneLine struct {
	name string
	out  *countedOutput
}

func (o oneLine) Output(_, line string, initial bool) (Output, error) {
	if o.out == nil || line != o.name {
		return nil, os.ErrNotExist
	}
	o.out.on = initial
	return o.out, nil
}

type countedOutput struct {
	sets, same int
	on, closed bool
}

func (c *countedOutput) Name() string { return "light" }
func (c *countedOutput) On() bool     { return c.on }
func (c *countedOutput) Close() error { c.closed = true; return nil }
func (c *countedOutput) Set(on bool) error {
	c.sets++
	if on == c.on {
		c.same++
	}
	c.on = on
	return nil
}
