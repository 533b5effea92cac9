package board

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Output implements Lines. The chip of "chip:number" is given by its name, its
// label or its device path.
func (h *HostBoard) Output(name, lineName string, initial bool) (Output, error) {
	fault := func(err error) (Output, error) {
		return nil, &Error{Op: "take", Thing: "line " + lineName, Err: err}
	}
	chips, err := h.gpio.chips()
	c, number := findLine(chips, lineName)
	if c == nil {
		return fault(missing(chips, err))
	}
	l, err := h.gpio.request(c.name, number, "fieldpost "+name, initial)
	if err != nil {
		if err = lineKind(err); errors.Is(err, ErrInUse) && c.lines[number].consumer != "" {
			err = fmt.Errorf("held by %q: %w", c.lines[number].consumer, err)
		}
		return fault(err)
	}
	return &hostOutput{name: name, lineName: lineName, line: l, on: initial}, nil
}

// Find tells that there is no such line, as an *Error. It takes none.
func (h *HostBoard) Find(lineName string) error {
	chips, err := h.gpio.chips()
	if c, _ := findLine(chips, lineName); c != nil {
		return nil
	}
	return &Error{Op: "find", Thing: "line " + lineName, Err: missing(chips, err)}
}

// missing says why a line was not found. With no chip to look at, err tells
// whether there is none or none that may be opened.
func missing(chips []chip, err error) error {
	switch {
	case len(chips) > 0:
		return fmt.Errorf("no such line on %d GPIO chips: %w", len(chips), fs.ErrNotExist)
	case err != nil:
		return kindOf(err)
	default:
		return fmt.Errorf("no GPIO chip: %w", fs.ErrNotExist)
	}
}

// findLine looks for a line by its name on all chips, then as chip:number.
func findLine(chips []chip, name string) (at *chip, number int) {
	for i := range chips {
		for n, l := range chips[i].lines {
			if name != "" && l.name == name {
				return &chips[i], n
			}
		}
	}
	i := strings.LastIndexByte(name, ':')
	if i < 0 {
		return nil, 0
	}
	n, err := strconv.ParseUint(name[i+1:], 10, 16)
	if err != nil {
		return nil, 0
	}
	want := strings.TrimPrefix(path.Clean(name[:i]), "/dev/")
	for i := range chips {
		c := &chips[i]
		if (want == c.name || want == c.label) && int(n) < len(c.lines) {
			return c, int(n)
		}
	}
	return nil, 0
}

// hostOutput drives one line and remembers what it did.
type hostOutput struct {
	name, lineName string

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
		err = o.line.SetValue(value(on))
	}
	if err != nil {
		return &Error{Op: "set", Thing: "line " + o.lineName, Err: lineKind(err)}
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
	err := o.line.Close()
	o.line = nil
	if err != nil {
		return &Error{Op: "close", Thing: "line " + o.lineName, Err: lineKind(err)}
	}
	return nil
}

// lineKind is kindOf where a device that is missing is the chip itself.
func lineKind(err error) error {
	if errors.Is(err, syscall.ENODEV) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return kindOf(err)
}

func value(on bool) int {
	if on {
		return 1
	}
	return 0
}
