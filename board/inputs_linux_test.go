package board

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"time"
)

var _ Inputs = (*HostBoard)(nil)

type fakeInput struct {
	value, closed int
	err           error
}

func (f *fakeInput) Value() (int, error) { return f.value, f.err }
func (f *fakeInput) Close() error        { f.closed++; return f.err }

func TestInput(t *testing.T) {
	line := &fakeInput{value: 1}
	i := &hostInput{lineName: "GPIO5", line: line}
	if on, err := i.On(); err != nil || !on {
		t.Errorf("on %v, %v", on, err)
	}
	line.err = syscall.ENODEV
	if _, err := i.On(); !errors.Is(err, ErrGone) || !errors.Is(err, syscall.ENODEV) {
		t.Errorf("without its chip: %v", err)
	}
	line.err = nil
	if err := errors.Join(i.Close(), i.Close()); err != nil || line.closed != 1 {
		t.Errorf("close: %v, %d times", err, line.closed)
	}
	if _, err := i.On(); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func TestMissingInput(t *testing.T) {
	h := &HostBoard{gpio: &fakeGPIO{}}
	if _, err := h.Input("door", "GPIO5", InputOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestInputOptions(t *testing.T) {
	for want, opt := range map[int]InputOptions{
		2: {},
		3: {Pull: "none"},
		7: {Pull: "up", ActiveLow: true, Debounce: time.Millisecond, Rising: func() {}},
	} {
		if got := inputOptions("door", opt); len(got) != want {
			t.Errorf("%+v: %d options, want %d", opt, len(got), want)
		}
	}
}
