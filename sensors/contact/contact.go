// Package contact reads lines: [Level] tells whether a contact is on, [Count]
// counts how often it went on, such as the pulses of a meter.
//
// A count is kept over restarts in a file, which is written when it has changed,
// at most once in [SaveEvery] and at the end: a power cut loses the pulses since.
// Pulses while the agent does not run are not counted. A file that holds no count
// is begun anew at 0; what is in one that may not be read is added when it may. A
// count that could not be saved is suspect, "not-saved".
package contact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"fieldpost/internal/keep"
	"fieldpost/sensors"
)

// SaveEvery is the least time between two writes of a count.
const SaveEvery = 5 * time.Minute

// Line is a line taken for input.
type Line interface {
	On() (bool, error)
	Close() error
}

// Take takes the line. rising, when it is not nil, is called at each change to on.
type Take func(rising func()) (Line, error)

// Level returns an opener for a line as value "on", 0 or 1.
func Level(take Take) sensors.Opener {
	return func(context.Context) (sensors.Source, error) {
		l, err := take(nil)
		if err != nil {
			return nil, fmt.Errorf("digital: %w", err)
		}
		return level{l}, nil
	}
}

type level struct{ Line }

// Sense implements sensors.Source.
func (l level) Sense(context.Context) ([]sensors.Value, error) {
	on, err := l.On()
	if err != nil {
		return nil, fmt.Errorf("digital: %w", err)
	}
	return []sensors.Value{{Name: "on", Unit: "1", Num: one(on)}}, nil
}

func one(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// Count returns an opener for a line as value "count". It is kept in the file.
func Count(take Take, file string) sensors.Opener {
	return func(context.Context) (sensors.Source, error) {
		c := &counter{file: file, read: keep.Read}
		c.load()
		var err error
		if c.line, err = take(func() { c.count.Add(1) }); err != nil {
			return nil, fmt.Errorf("counter: %w", err)
		}
		return c, nil
	}
}

type counter struct {
	file  string
	read  func(path string) ([]byte, error)
	line  Line
	count atomic.Uint64
	saved uint64
	at    time.Time // when it was saved, or tried to
	err   error     // of the last save
	blind error     // why the file may not be read: what it holds is still to be added
}

// Sense implements sensors.Source.
func (c *counter) Sense(context.Context) ([]sensors.Value, error) {
	if _, err := c.line.On(); err != nil {
		return nil, fmt.Errorf("counter: %w", err)
	}
	if time.Since(c.at) >= SaveEvery {
		c.save()
	}
	v := sensors.Value{Name: "count", Unit: "1", Num: float64(c.count.Load())}
	if c.err != nil {
		v.Quality, v.Reason = sensors.Suspect, "not-saved"
	}
	return []sensors.Value{v}, nil
}

// Close implements sensors.Source.
func (c *counter) Close() error {
	err := c.line.Close()
	c.save()
	if err == nil {
		err = c.err
	}
	return err
}

// save replaces the file, unless what it holds could not be counted on from.
func (c *counter) save() {
	if c.blind != nil {
		c.load()
	}
	n := c.count.Load()
	if n == c.saved && c.err == nil && c.blind == nil {
		return
	}
	c.at = time.Now()
	if c.err = c.blind; c.err == nil {
		c.err = keep.Replace(c.file, fmt.Appendln(nil, n), true)
	}
	if c.err == nil {
		c.saved = n
	}
}

// load adds what the file holds, which is nothing when it holds no count.
func (c *counter) load() {
	text, err := c.read(c.file)
	if c.blind = nil; errors.Is(err, fs.ErrPermission) {
		c.blind = err
	}
	if c.saved, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err != nil {
		c.saved = 0
	}
	c.count.Add(c.saved)
}
