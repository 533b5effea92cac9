package board

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Pattern is what a light shows. The numbers from LightBoard on are blinks between
// two pauses.
type Pattern int

// The patterns, as docs/OPERATING.md explains them.
const (
	LightWrong    Pattern = -2 // quick, without a pause: the configuration is wrong
	LightStarting Pattern = -1 // slow and even
	LightGood     Pattern = 0  // two short flashes every two seconds, as a heart beats
	LightBoard    Pattern = 1  // or its supply
	LightSensor   Pattern = 2  // or its bus
	LightStore    Pattern = 3
	LightNetwork  Pattern = 4
	LightIdentity Pattern = 5 // or the clock
	LightHub      Pattern = 6
)

// steps are the times that the light is on and off, in turns, over and over.
func (p Pattern) steps() (steps []time.Duration) {
	const ms = time.Millisecond
	switch {
	case p == LightWrong:
		return []time.Duration{100 * ms, 100 * ms}
	case p < 0:
		return []time.Duration{1000 * ms, 1000 * ms}
	case p == LightGood:
		return []time.Duration{100 * ms, 150 * ms, 100 * ms, 1650 * ms}
	}
	for range p {
		steps = append(steps, 300*ms, 300*ms)
	}
	steps[len(steps)-1] = 2000 * ms
	return steps
}

// lightRetry is the time between two attempts to take a light.
const lightRetry = 30 * time.Second

const ledsDir = "sys/class/leds"

// LightOptions says which light it is.
type LightOptions struct {
	Name  string       // of a folder in /sys/class/leds, with or without its path, or of an output line; no default
	Root  string       // of the file system with sys; default "/"
	Lines Lines        // where a line is taken; default none
	Log   *slog.Logger // default discards
}

// Light is an LED that a person sees from outside of the cabinet. It is dark, and its
// trigger is what it was before, when Run has ended in order. A program that was
// killed leaves it as it was, on or off, so that only a running one blinks. Its
// methods are safe for concurrent use.
type Light struct {
	opt  LightOptions
	news chan struct{}

	mu    sync.Mutex
	shows Pattern
	fault error
}

// NewLight returns a light that shows LightStarting once Run is called.
func NewLight(opt LightOptions) *Light {
	if opt.Root == "" {
		opt.Root = "/"
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Light{opt: opt, news: make(chan struct{}, 1), shows: LightStarting}
}

// Show has the light show another pattern, from its beginning.
func (l *Light) Show(p Pattern) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p == l.shows {
		return
	}
	l.shows = p
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// Fault tells why there is no light; nil while there is. It is an *Error.
func (l *Light) Fault() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault
}

// Run lights until ctx ends, and returns nil. A light that cannot be had is told once
// and tried again.
func (l *Light) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		la, err := l.take()
		if err == nil {
			l.failed(nil)
			err = l.blink(ctx, la)
			err = errors.Join(err, la.leave())
		}
		l.failed(err)
		select {
		case <-ctx.Done():
		case <-time.After(lightRetry):
		}
	}
	return nil
}

func (l *Light) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && (l.fault == nil || l.fault.Error() != err.Error()) {
		l.opt.Log.Warn("no light", "err", err)
	}
	l.fault = err
}

// blink shows one pattern after the other until ctx ends or the light fails.
func (l *Light) blink(ctx context.Context, la lamp) error {
	for {
		l.mu.Lock()
		steps := l.shows.steps()
		l.mu.Unlock()
	pattern:
		for i, d := range steps {
			if err := la.Set(i%2 == 0); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-l.news:
				break pattern
			case <-time.After(d):
			}
		}
	}
}

// lamp is what is switched.
type lamp interface {
	Set(on bool) error
	leave() error
}

// Look tells that there is neither a LED nor a line of that name, as an *Error. It
// takes neither, and knows of lines only what Lines can tell without that.
func (l *Light) Look() error {
	_, err := os.Stat(filepath.Join(l.dir(), "brightness"))
	if l.mayBeLine(err) {
		lines, ok := l.opt.Lines.(interface{ Find(line string) error })
		if !ok {
			return nil
		}
		err = noLED(lines.Find(l.opt.Name))
	}
	return l.fails("look at", err)
}

// take takes the light from whoever has it.
func (l *Light) take() (lamp, error) {
	led := &sysLED{dir: l.dir()}
	err := led.take()
	if l.mayBeLine(err) {
		out, lineErr := l.opt.Lines.Output("light", l.opt.Name, false)
		if lineErr == nil {
			return lineLamp{out}, nil
		}
		err = noLED(lineErr)
	}
	if err != nil {
		return nil, l.fails("take", err)
	}
	return led, nil
}

// dir is the folder of the LED, if it is one.
func (l *Light) dir() string {
	if strings.Contains(l.opt.Name, "/") {
		return filepath.Join(l.opt.Root, l.opt.Name)
	}
	return filepath.Join(l.opt.Root, ledsDir, l.opt.Name)
}

// mayBeLine tells, by why there is no LED, whether there may be a line of its name.
func (l *Light) mayBeLine(err error) bool {
	return errors.Is(err, fs.ErrNotExist) && !strings.Contains(l.opt.Name, "/") && l.opt.Lines != nil
}

func noLED(err error) error {
	if err != nil {
		err = fmt.Errorf("no such LED, and as a line: %w", err)
	}
	return err
}

func (l *Light) fails(op string, err error) error {
	if err != nil {
		err = &Error{Op: op, Thing: "light " + l.opt.Name, Err: err}
	}
	return err
}

// lineLamp is an output line. The kernel says what becomes of it when it is left.
type lineLamp struct{ Output }

func (o lineLamp) leave() error { return errors.Join(o.Set(false), o.Close()) }

// sysLED is an LED of the kernel (Documentation/leds/leds-class.rst).
type sysLED struct {
	dir     string
	trigger string // as it was
	before  string // brightness likewise
	full    string // brightness that is on
}

func (s *sysLED) read(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	return strings.TrimSpace(string(b)), err
}

// write changes a file that is there: none is made in its place.
func (s *sysLED) write(name, text string) error {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (s *sysLED) take() (err error) {
	if s.before, err = s.read("brightness"); err != nil {
		return err
	}
	if s.full, err = s.read("max_brightness"); err != nil {
		s.full = "1"
	}
	// "none mmc0 [heartbeat]"; a LED without triggers has no such file.
	if all, err := s.read("trigger"); err == nil {
		_, rest, _ := strings.Cut(all, "[")
		s.trigger, _, _ = strings.Cut(rest, "]")
		return s.write("trigger", "none")
	}
	return nil
}

func (s *sysLED) Set(on bool) error {
	if on {
		return s.write("brightness", s.full)
	}
	return s.write("brightness", "0")
}

func (s *sysLED) leave() error {
	if s.trigger != "" && s.trigger != "none" {
		return errors.Join(s.Set(false), s.write("trigger", s.trigger))
	}
	return s.write("brightness", s.before)
}
