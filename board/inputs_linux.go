package board

import (
	"errors"
	"sync"

	"github.com/warthog618/go-gpiocdev"
)

// Input implements Inputs.
func (h *HostBoard) Input(name, lineName string, opt InputOptions) (Input, error) {
	chips, err := h.gpio.chips()
	c, number := findLine(chips, lineName)
	if c == nil {
		return nil, &Error{Op: "take", Thing: "line " + lineName, Err: missing(chips, err)}
	}
	l, err := gpiocdev.RequestLine(c.name, number, inputOptions(name, opt)...)
	if err != nil {
		return nil, &Error{Op: "take", Thing: "line " + lineName, Err: lineKind(err)}
	}
	return &hostInput{lineName: lineName, line: l}, nil
}

// inputOptions are those of the kernel's interface.
func inputOptions(name string, opt InputOptions) []gpiocdev.LineReqOption {
	all := []gpiocdev.LineReqOption{gpiocdev.AsInput, gpiocdev.WithConsumer("fieldpost " + name)}
	switch opt.Pull {
	case "up":
		all = append(all, gpiocdev.WithPullUp)
	case "down":
		all = append(all, gpiocdev.WithPullDown)
	case "none":
		all = append(all, gpiocdev.WithBiasDisabled)
	}
	if opt.ActiveLow {
		all = append(all, gpiocdev.AsActiveLow)
	}
	if opt.Debounce > 0 {
		all = append(all, gpiocdev.WithDebounce(opt.Debounce))
	}
	if opt.Rising != nil {
		all = append(all, gpiocdev.WithRisingEdge, gpiocdev.WithEventHandler(func(gpiocdev.LineEvent) { opt.Rising() }))
	}
	return all
}

// inputLine is what an input needs of a line taken.
type inputLine interface {
	Value() (int, error)
	Close() error
}

type hostInput struct {
	lineName string

	mu   sync.Mutex
	line inputLine // nil after Close
}

func (i *hostInput) On() (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	v, err := 0, error(ErrClosed)
	if i.line != nil {
		v, err = i.line.Value()
	}
	if err != nil {
		return false, &Error{Op: "read", Thing: "line " + i.lineName, Err: lineKind(err)}
	}
	return v != 0, nil
}

func (i *hostInput) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.line == nil {
		return nil
	}
	err := i.line.Close()
	i.line = nil
	if err != nil && !errors.Is(err, gpiocdev.ErrClosed) {
		return &Error{Op: "close", Thing: "line " + i.lineName, Err: lineKind(err)}
	}
	return nil
}
