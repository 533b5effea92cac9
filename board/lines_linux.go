package board

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

// chip is one GPIO chip, as far as outputs need it.
type chip struct {
	name  string // "gpiochip0"
	label string // "pinctrl-bcm2835"
	lines []line
}

// line is the part of gpioioctl.GPIOLine that an output may use.
type line interface {
	Name() string
	Number() int
	Consumer() string
	Out(gpio.Level) error
	Close()
}

// Output implements Lines. The chip of "chip:number" is given by its name, its
// label or its device path.
func (h *HostBoard) Output(name, lineName string, initial bool) (Output, error) {
	fault := func(err error) (Output, error) {
		return nil, &Error{Op: "take", Thing: "line " + lineName, Err: err}
	}
	h.Prepare()
	h.mu.Lock()
	defer h.mu.Unlock()
	c, l := findLine(h.chips, lineName)
	if l == nil {
		return fault(missing(h.chips))
	}
	key := c.name + ":" + strconv.Itoa(l.Number())
	if _, ok := h.taken[key]; ok {
		return fault(fmt.Errorf("%w by another output", ErrInUse))
	}
	if err := l.Out(gpio.Level(initial)); err != nil {
		holder := l.Consumer()
		l.Close()
		if err = kindOf(err); errors.Is(err, ErrInUse) && holder != "" {
			err = fmt.Errorf("held by %q: %w", holder, err)
		}
		return fault(err)
	}
	h.taken[key] = struct{}{}
	return &hostOutput{name: name, lineName: lineName, line: l, on: initial, release: func() { h.release(key) }}, nil
}

// Prepare looks for the board's GPIO chips, which happens once. A program with
// outputs calls it before it opens anything else: gpioioctl closes some
// descriptors twice meanwhile, and what was opened in between would go with them.
func (h *HostBoard) Prepare() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ready {
		h.chips, h.ready = h.findChips(), true
	}
}

func (h *HostBoard) release(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.taken, key)
}

// missing says why a line was not found: nothing to look at is often a matter
// of permission, which periph reports to the log only.
func missing(chips []chip) error {
	if len(chips) > 0 {
		return fmt.Errorf("no such line on %d GPIO chips: %w", len(chips), fs.ErrNotExist)
	}
	if err := chipAccess(); err != nil {
		return err
	}
	return fmt.Errorf("no GPIO chip: %w", fs.ErrNotExist)
}

// findLine looks for a line by its name on all chips, then as chip:number.
func findLine(chips []chip, name string) (*chip, line) {
	for i := range chips {
		for _, l := range chips[i].lines {
			if name != "" && l.Name() == name {
				return &chips[i], l
			}
		}
	}
	i := strings.LastIndexByte(name, ':')
	if i < 0 {
		return nil, nil
	}
	number, err := strconv.ParseUint(name[i+1:], 10, 16)
	if err != nil {
		return nil, nil
	}
	want := strings.TrimPrefix(path.Clean(name[:i]), "/dev/")
	for i := range chips {
		c := &chips[i]
		if want == c.name || want == c.label {
			if int(number) < len(c.lines) {
				return c, c.lines[number]
			}
		}
	}
	return nil, nil
}

// periphChips takes over what gpioioctl found.
func periphChips() []chip {
	var out []chip
	for _, c := range gpioioctl.Chips {
		k := chip{name: c.Name(), label: c.Label()}
		for _, l := range c.Lines() {
			k.lines = append(k.lines, l)
		}
		out = append(out, k)
	}
	return out
}

// hostOutput drives one line and remembers what it did.
type hostOutput struct {
	name, lineName string
	release        func()

	mu   sync.Mutex
	line line // nil after Close
	on   bool
}

func (o *hostOutput) Name() string { return o.name }

func (o *hostOutput) On() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.on
}

func (o *hostOutput) Set(on bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := ErrClosed
	if o.line != nil {
		err = o.line.Out(gpio.Level(on))
	}
	if err != nil {
		return &Error{Op: "set", Thing: "line " + o.lineName, Err: kindOf(err)}
	}
	o.on = on
	return nil
}

func (o *hostOutput) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.line == nil {
		return nil
	}
	o.line.Close()
	o.line = nil
	o.release()
	return nil
}
