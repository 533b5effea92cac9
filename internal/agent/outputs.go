package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"fieldpost/board"
	"fieldpost/internal/config"
)

// outputs holds the configured outputs. One that cannot be had at start is tried
// again at each use: a line may appear with its expander.
type outputs struct {
	lines board.Lines
	cfg   []config.Output
	log   *slog.Logger

	mu   sync.Mutex
	open map[string]board.Output
	errs map[string]error
}

func newOutputs(lines board.Lines, cfg []config.Output, log *slog.Logger) *outputs {
	return &outputs{lines: lines, cfg: cfg, log: log, open: map[string]board.Output{}, errs: map[string]error{}}
}

// start sets every output to its initial level, as far as it can be had.
func (o *outputs) start() {
	for _, c := range o.cfg {
		if _, err := o.get(c.Name); err != nil {
			o.log.Warn("output not available", "output", c.Name, "line", c.Line, "err", err)
		}
	}
}

// get returns the output of that name, opening it when it is not open yet.
func (o *outputs) get(name string) (board.Output, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if out := o.open[name]; out != nil {
		return out, nil
	}
	for _, c := range o.cfg {
		if c.Name != name {
			continue
		}
		out, err := o.lines.Output(c.Name, c.Line, c.Initial)
		o.errs[name] = err
		if err != nil {
			return nil, fmt.Errorf("output %s on line %s: %w", c.Name, c.Line, err)
		}
		o.open[name] = out
		return out, nil
	}
	return nil, fmt.Errorf("no output %q", name)
}

// stop sets every output to its safe level and lets go of its line.
func (o *outputs) stop() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, c := range o.cfg {
		out := o.open[c.Name]
		if out == nil {
			continue
		}
		if err := out.Set(c.Safe); err != nil {
			errs = append(errs, fmt.Errorf("set output %s to its safe level: %w", c.Name, err))
		}
		if err := out.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close output %s: %w", c.Name, err))
		}
		delete(o.open, c.Name)
	}
	return errors.Join(errs...)
}

// missing returns the first output that cannot be had, and why.
func (o *outputs) missing() (name string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.cfg {
		if err := o.errs[c.Name]; err != nil {
			return c.Name, err
		}
	}
	return "", nil
}
