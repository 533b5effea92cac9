package board

import "time"

// Inputs takes lines for input.
type Inputs interface {
	// Input takes a line, named as for Lines. The name is the input's own, for
	// display. The error is an *Error.
	Input(name, line string, opt InputOptions) (Input, error)
}

// InputOptions says how a line is read.
type InputOptions struct {
	Pull      string        // "up", "down" or "none"; default as the line is
	ActiveLow bool          // a low level is on
	Debounce  time.Duration // shorter changes are left out; default 0
	Rising    func()        // called at each change to on, on a goroutine of its own; it must return quickly; default none
}

// Input is one line that the agent reads. Its methods are safe for concurrent use.
type Input interface {
	// On asks the line.
	On() (bool, error)
	// Close gives the line back. No call of Rising begins after it has returned.
	Close() error
}
