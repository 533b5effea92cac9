package board

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

var (
	_ Buses = (*HostBoard)(nil)
	_ Lines = (*HostBoard)(nil)
)

func TestMissingBus(t *testing.T) {
	h := Host()
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

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{syscall.EREMOTEIO, ErrNoAck},
		{syscall.ENXIO, ErrNoAck},
		{syscall.ENODEV, ErrNoAck},
		{syscall.ETIMEDOUT, ErrBusTimeout},
		{syscall.EIO, ErrIO},
		{syscall.EOPNOTSUPP, errors.ErrUnsupported},
		{syscall.EACCES, fs.ErrPermission},
		{syscall.ENOENT, fs.ErrNotExist},
		{fmt.Errorf("line_request ioctl: %w", syscall.EBUSY), ErrInUse},
		{ErrClosed, ErrClosed},
	} {
		if got := kindOf(c.err); !errors.Is(got, c.want) {
			t.Errorf("kindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

// fakeGPIO is a character device with lines that fail on demand.
type fakeGPIO struct {
	list  []chip
	fault error                // of chips
	taken map[string]*fakeLine // by chip:number
	err   map[string]error     // of requests, by chip:number
}

func (g *fakeGPIO) chips() ([]chip, error) { return g.list, g.fault }

func (g *fakeGPIO) request(chip string, number int, consumer string, initial bool) (line, error) {
	key := fmt.Sprintf("%s:%d", chip, number)
	if err := g.err[key]; err != nil {
		return nil, err
	}
	if l := g.taken[key]; l != nil && !l.closed {
		return nil, syscall.EBUSY
	}
	l := &fakeLine{consumer: consumer, value: value(initial)}
	g.taken[key] = l
	return l, nil
}

type fakeLine struct {
	consumer string
	value    int
	closed   bool
	err      error
}

func (l *fakeLine) SetValue(v int) error {
	if l.err == nil {
		l.value = v
	}
	return l.err
}

func (l *fakeLine) Close() error {
	if l.closed {
		return errors.New("already closed")
	}
	l.closed = true
	return nil
}

// withLines is a host with a chip of three lines, the second without a name.
func withLines() (*HostBoard, *fakeGPIO) {
	g := &fakeGPIO{taken: map[string]*fakeLine{}, err: map[string]error{}, list: []chip{
		{name: "gpiochip1", label: "expander"},
		{name: "gpiochip0", label: "pinctrl-bcm2835", lines: []lineInfo{{name: "GPIO17"}, {}, {name: "GPIO27", consumer: "w1@"}}},
	}}
	return &HostBoard{gpio: g}, g
}

func TestOutput(t *testing.T) {
	h, g := withLines()
	o, err := h.Output("fan", "GPIO17", true)
	if err != nil {
		t.Fatal(err)
	}
	l := g.taken["gpiochip0:0"]
	if !o.On() || l.value != 1 || o.Name() != "fan" || l.consumer != "fieldpost fan" {
		t.Errorf("taken as %+v, on %v", l, o.On())
	}
	l.err = syscall.EIO
	if err := o.Set(false); !errors.Is(err, ErrIO) || !o.On() {
		t.Errorf("failed set: %v, on %v", err, o.On())
	}
	l.err = syscall.ENODEV
	if err := o.Set(false); !errors.Is(err, ErrGone) || !o.On() {
		t.Errorf("set of a line that is gone: %v, on %v", err, o.On())
	}
	l.err = nil
	if err := o.Set(false); err != nil || o.On() || l.value != 0 {
		t.Errorf("set: %v, on %v", err, o.On())
	}
	if _, err := h.Output("pump", "gpiochip0:0", false); !errors.Is(err, ErrInUse) {
		t.Errorf("the same line by its number: %v", err)
	}
	if err := errors.Join(o.Close(), o.Close()); err != nil || !l.closed {
		t.Errorf("close: %v", err)
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
		h, g := withLines()
		_, err := h.Output("x", c.line, true)
		if c.want < 0 {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q: %v", c.line, err)
			}
		} else if l := g.taken[fmt.Sprintf("gpiochip0:%d", c.want)]; err != nil || l == nil || l.value != 1 {
			t.Errorf("%q: %v", c.line, err)
		}
	}
}

func TestLineInUse(t *testing.T) {
	h, g := withLines()
	g.err["gpiochip0:2"] = syscall.EBUSY
	_, err := h.Output("x", "GPIO27", false)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), `"w1@"`) {
		t.Errorf("%v", err)
	}
}

// A chip that may not be opened is told from one that is not there.
func TestNoChip(t *testing.T) {
	for fault, want := range map[error]error{nil: fs.ErrNotExist, fs.ErrPermission: fs.ErrPermission} {
		_, err := (&HostBoard{gpio: &fakeGPIO{fault: fault}}).Output("x", "GPIO17", false)
		var e *Error
		if !errors.Is(err, want) || !errors.As(err, &e) || e.Hint() == "" {
			t.Errorf("chips: %v gives %v", fault, err)
		}
	}
}

// On a machine without GPIO this looks for chips in earnest and finds none; on
// one with GPIO the name is unknown.
func TestHostWithoutThatLine(t *testing.T) {
	for range 2 {
		if o, err := Host().Output("x", "no such line", false); err == nil {
			t.Errorf("took %v", o)
		}
	}
}

// A line is looked for without being taken.
func TestFind(t *testing.T) {
	h, g := withLines()
	for name, there := range map[string]bool{"GPIO17": true, "GPIO27": true, "gpiochip0:1": true, "GPIO4": false, "gpiochip0:3": false, "": false} {
		if err := h.Find(name); (err == nil) != there {
			t.Errorf("%q: %v", name, err)
		}
		light := NewLight(LightOptions{Name: name, Root: t.TempDir(), Lines: h})
		if err := light.Look(); name != "" && (err == nil) != there {
			t.Errorf("light %q: %v", name, err)
		}
	}
	if len(g.taken) > 0 {
		t.Errorf("taken: %v", g.taken)
	}
}
