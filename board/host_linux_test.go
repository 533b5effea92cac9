package board

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

var (
	_ Buses = (*HostBoard)(nil)
	_ Lines = (*HostBoard)(nil)
)

func TestMissingBus(t *testing.T) {
	h := Host(nil)
	for _, device := range []string{"/dev/i2c-65000", "/dev/i2c-", "/dev/i2c-01", "i2c-1", "", "/dev/i2c--1", "/dev/i2c-99999999999"} {
		bus, err := h.I2C(device)
		var e *Error
		if bus != nil || !errors.As(err, &e) || e.Thing != device {
			t.Errorf("I2C(%q) = %v, %v", device, bus, err)
		}
	}
	if _, err := h.I2C("/dev/i2c-65000"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing bus: %v", err)
	}
}

// periph keeps only the text of an errno.
func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{fmt.Errorf("sysfs-i2c: %v", syscall.EREMOTEIO), ErrNoAck},
		{fmt.Errorf("sysfs-i2c: %v", syscall.ENXIO), ErrNoAck},
		{fmt.Errorf("sysfs-i2c: %v", syscall.ETIMEDOUT), ErrBusTimeout},
		{fmt.Errorf("sysfs-i2c: %v", syscall.EIO), ErrIO},
		{fmt.Errorf("sysfs-i2c: %v", syscall.EOPNOTSUPP), errors.ErrUnsupported},
		{fmt.Errorf("are you member of group 'plugdev'? open /dev/i2c-1: %v", syscall.EACCES), fs.ErrPermission},
		{fmt.Errorf("open: %v", syscall.ENOENT), fs.ErrNotExist},
		{fmt.Errorf("line_request ioctl: %w", syscall.EBUSY), ErrInUse},
		{ErrClosed, ErrClosed},
	} {
		if got := kindOf(c.err); !errors.Is(got, c.want) {
			t.Errorf("kindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

// fakeLine is a line that fails on demand. Asking a line back is not in its
// method set, so an output cannot.
type fakeLine struct {
	mu       sync.Mutex
	name     string
	number   int
	consumer string
	level    gpio.Level
	closed   int
	err      error
}

func (l *fakeLine) Name() string     { return l.name }
func (l *fakeLine) Number() int      { return l.number }
func (l *fakeLine) Consumer() string { return l.consumer }
func (l *fakeLine) Close()           { l.closed++ }
func (l *fakeLine) Out(v gpio.Level) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.level = v
	}
	return l.err
}

// withLines is a host with a chip of three lines, the second without a name.
func withLines() (*HostBoard, []*fakeLine) {
	fakes := []*fakeLine{{name: "GPIO17"}, {number: 1}, {name: "GPIO27", number: 2, consumer: "w1@"}}
	h := Host(nil)
	h.ready = true
	h.chips = []chip{{name: "gpiochip1", label: "expander"}, {name: "gpiochip0", label: "pinctrl-bcm2835"}}
	for _, l := range fakes {
		h.chips[1].lines = append(h.chips[1].lines, l)
	}
	return h, fakes
}

func TestOutput(t *testing.T) {
	h, fakes := withLines()
	o, err := h.Output("fan", "GPIO17", true)
	if err != nil {
		t.Fatal(err)
	}
	if !o.On() || !bool(fakes[0].level) || o.Name() != "fan" {
		t.Error("initial level was not driven")
	}
	fakes[0].err = syscall.EIO
	if err := o.Set(false); !errors.Is(err, ErrIO) || !o.On() {
		t.Errorf("failed set: %v, on %v", err, o.On())
	}
	fakes[0].err = nil
	if err := o.Set(false); err != nil || o.On() || bool(fakes[0].level) {
		t.Errorf("set: %v, on %v", err, o.On())
	}
	if _, err := h.Output("pump", "gpiochip0:0", false); !errors.Is(err, ErrInUse) {
		t.Errorf("the same line by its number: %v", err)
	}
	if err := errors.Join(o.Close(), o.Close()); err != nil || fakes[0].closed != 1 {
		t.Errorf("close: %v, %d times", err, fakes[0].closed)
	}
	if err := o.Set(true); !errors.Is(err, ErrClosed) {
		t.Errorf("set after close: %v", err)
	}
	if _, err := h.Output("pump", "GPIO17", false); err != nil {
		t.Errorf("line was not given back: %v", err)
	}
}

func TestLineNames(t *testing.T) {
	for _, c := range []struct {
		line string
		want int // -1 = none
	}{
		{"GPIO17", 0}, {"gpiochip0:1", 1}, {"/dev/gpiochip0:1", 1}, {"pinctrl-bcm2835:2", 2},
		{"GPIO99", -1}, {"gpiochip0:3", -1}, {"gpiochip0:-1", -1}, {"gpiochip0:", -1}, {"gpiochip9:0", -1},
		{"gpiochip1:0", -1}, {"", -1}, {":", -1}, {"gpiochip0:99999999999999999999", -1},
	} {
		h, fakes := withLines()
		fakes[2].consumer = ""
		_, err := h.Output("x", c.line, true)
		if c.want < 0 {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q: %v", c.line, err)
			}
		} else if err != nil || !bool(fakes[c.want].level) {
			t.Errorf("%q: %v", c.line, err)
		}
	}
}

func TestLineInUse(t *testing.T) {
	h, fakes := withLines()
	fakes[2].err = fmt.Errorf("GPIOLine.Out(): %w", syscall.EBUSY)
	_, err := h.Output("x", "GPIO27", false)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), `"w1@"`) {
		t.Errorf("%v", err)
	}
	if fakes[2].closed != 1 {
		t.Error("a line that could not be taken was left half open")
	}
}

// On a machine without GPIO this looks for chips in earnest and finds none; on
// one with GPIO the name is unknown.
func TestHostWithoutThatLine(t *testing.T) {
	h := Host(slog.New(slog.DiscardHandler))
	for range 2 {
		if o, err := h.Output("x", "no such line", false); err == nil {
			t.Errorf("took %v", o)
		}
	}
}

func TestCaptureLog(t *testing.T) {
	out, flags := log.Writer(), log.Flags()
	lines := captureLog(func() {
		log.Println("one\ntwo")
		for range 2 * maxSaid {
			log.Println("more")
		}
	})
	if len(lines) != maxSaid || lines[0] != "one" || lines[1] != "two" {
		t.Errorf("%d lines, %q", len(lines), lines[:2])
	}
	if log.Writer() != out || log.Flags() != flags {
		t.Error("package log was not given back")
	}
}

func TestKeepStdin(t *testing.T) {
	before, err := os.Stdin.Stat()
	if err != nil {
		t.Skip("no standard input")
	}
	keepStdin(func() { _ = unix.Close(0) })
	after, err := os.Stdin.Stat()
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("standard input was not restored: %v", err)
	}
	keepStdin(func() {})
	if _, err := os.Stdin.Stat(); err != nil {
		t.Error(err)
	}
}
