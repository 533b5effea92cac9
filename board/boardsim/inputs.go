package boardsim

import (
	"fmt"
	"io/fs"

	"fieldpost/board"
)

// Input implements board.Inputs. Changes come as Drive makes them: what is too
// short for a contact's debounce is the caller's to leave out.
func (b *Board) Input(name, line string, opt board.InputOptions) (board.Input, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if line == "" || b.names != nil && !b.names[line] {
		return nil, &board.Error{Op: "take", Thing: "line " + line, Err: fmt.Errorf("no such line: %w", fs.ErrNotExist)}
	}
	if b.lines[line] != nil || b.inputs[line] != nil {
		return nil, &board.Error{Op: "take", Thing: "line " + line, Err: board.ErrInUse}
	}
	i := &input{board: b, line: line, opt: opt}
	if b.inputs == nil {
		b.inputs = make(map[string]*input)
	}
	b.inputs[line] = i
	return i, nil
}

// Drive puts a level on a line from outside; whoever reads it is told before
// Drive returns.
func (b *Board) Drive(line string, high bool) {
	b.mu.Lock()
	was := b.level[line]
	b.level[line] = high
	i := b.inputs[line]
	b.mu.Unlock()
	if i != nil && was != high && high != i.opt.ActiveLow && i.opt.Rising != nil {
		i.opt.Rising()
	}
}

type input struct {
	board *Board
	line  string
	opt   board.InputOptions
}

func (i *input) On() (bool, error) {
	i.board.mu.Lock()
	defer i.board.mu.Unlock()
	if i.board.inputs[i.line] != i {
		return false, &board.Error{Op: "read", Thing: "line " + i.line, Err: board.ErrClosed}
	}
	return i.board.level[i.line] != i.opt.ActiveLow, nil
}

func (i *input) Close() error {
	i.board.mu.Lock()
	defer i.board.mu.Unlock()
	if i.board.inputs[i.line] == i {
		delete(i.board.inputs, i.line)
	}
	return nil
}

var _ board.Inputs = (*Board)(nil)
