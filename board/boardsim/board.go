package boardsim

import (
	"fmt"
	"io/fs"
	"sync"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/spi"

	"fieldpost/board"
)

// Board is a simulated board. It implements board.Buses and board.Lines and is
// safe for concurrent use.
type Board struct {
	buses map[string]*Bus
	ports map[string]*Port
	names map[string]bool // lines the board has; nil = any

	mu     sync.Mutex
	lines  map[string]*output // taken now
	level  map[string]bool    // as driven last
	inputs map[string]*input  // taken now
}

// Options says what a board has.
type Options struct {
	Buses []*Bus   // found by the names they were made with; default none
	Ports []*Port  // likewise; default none
	Lines []string // names of the lines that outputs may take; default any
}

// New returns a board with the given buses and lines.
func New(opt Options) *Board {
	b := &Board{buses: make(map[string]*Bus), ports: make(map[string]*Port), lines: make(map[string]*output), level: make(map[string]bool)}
	for _, bus := range opt.Buses {
		b.buses[bus.name] = bus
	}
	for _, port := range opt.Ports {
		b.ports[port.name] = port
	}
	if opt.Lines != nil {
		b.names = make(map[string]bool)
		for _, l := range opt.Lines {
			b.names[l] = true
		}
	}
	return b
}

// I2C implements board.Buses.
func (b *Board) I2C(device string) (i2c.BusCloser, error) {
	bus := b.buses[device]
	if bus == nil {
		return nil, missing(device)
	}
	return bus.Open()
}

// SPI implements board.Ports.
func (b *Board) SPI(device string) (spi.PortCloser, error) {
	port := b.ports[device]
	if port == nil {
		return nil, missing(device)
	}
	return port, nil
}

// Output implements board.Lines.
func (b *Board) Output(name, line string, initial bool) (board.Output, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	switch {
	case line == "" || b.names != nil && !b.names[line]:
		err = fmt.Errorf("no such line: %w", fs.ErrNotExist)
	case b.lines[line] != nil || b.inputs[line] != nil:
		err = fmt.Errorf("%w by another output", board.ErrInUse)
	}
	if err != nil {
		return nil, &board.Error{Op: "take", Thing: "line " + line, Err: err}
	}
	o := &output{board: b, name: name, line: line, on: initial}
	b.lines[line], b.level[line] = o, initial
	return o, nil
}

// Level returns how a line was driven last, and whether it ever was.
func (b *Board) Level(line string) (on, driven bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	on, driven = b.level[line]
	return on, driven
}

// output is a line taken. Its state is guarded by the board's mutex.
type output struct {
	board      *Board
	name, line string
	on         bool
}

func (o *output) Name() string { return o.name }

func (o *output) On() bool {
	o.board.mu.Lock()
	defer o.board.mu.Unlock()
	return o.on
}

func (o *output) Set(on bool) error {
	o.board.mu.Lock()
	defer o.board.mu.Unlock()
	if o.board.lines[o.line] != o {
		return &board.Error{Op: "set", Thing: "line " + o.line, Err: board.ErrClosed}
	}
	o.on = on
	o.board.level[o.line] = on
	return nil
}

func (o *output) Close() error {
	o.board.mu.Lock()
	defer o.board.mu.Unlock()
	if o.board.lines[o.line] == o {
		delete(o.board.lines, o.line)
	}
	return nil
}

func missing(device string) error {
	return &board.Error{Op: "open", Thing: device, Err: fs.ErrNotExist}
}

var (
	_ board.Buses   = (*Board)(nil)
	_ board.Ports   = (*Board)(nil)
	_ board.Lines   = (*Board)(nil)
	_ i2c.BusCloser = (*Bus)(nil)
)
