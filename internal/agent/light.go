package agent

import (
	"context"
	"log/slog"

	"fieldpost/board"
	"fieldpost/internal/diag"
)

// newLight returns nil when no light has a name.
func newLight(name, root string, lines board.Lines, log *slog.Logger) *board.Light {
	if name == "" {
		return nil
	}
	return board.NewLight(board.LightOptions{Name: name, Root: root, Lines: lines, Log: log})
}

// shine lights until ctx ends.
func (a *Agent) shine(ctx context.Context) error {
	if a.light == nil {
		return nil
	}
	return a.light.Run(ctx)
}

// show has the light show the first broken part.
func (a *Agent) show(s diag.Status) {
	if a.light != nil {
		a.light.Show(patternOf(s))
	}
}

// patternOf is what the light shows of a status.
func patternOf(s diag.Status) board.Pattern {
	switch s.Broken {
	case "board":
		return board.LightBoard
	case "buses", "sensors":
		return board.LightSensor
	case "store":
		return board.LightStore
	case "network":
		return board.LightNetwork
	case "identity":
		return board.LightIdentity
	case "hub":
		return board.LightHub
	}
	if !s.OK {
		return board.LightStarting
	}
	return board.LightGood
}

func (a *Agent) lightOf() (l diag.Light) {
	if a.light == nil {
		return l
	}
	l.Name = a.cfg.Board.LED
	if err := a.light.Fault(); err != nil {
		l.Fault, l.Hint = err.Error(), diag.Hint(err)
	}
	return l
}
