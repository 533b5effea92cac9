package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/internal/http1"
)

// actions is the table of commands that every agent knows. Which of them may
// run, and by which door, is configuration: the allow lists of [commands].
func (a *Agent) actions() []c2d.Action {
	return slices.Concat(a.agentActions(), a.sensorActions(), a.outputActions(), a.queueActions(), a.restartActions())
}

// CommandNames lists the built-in commands, for checking the allow lists.
func CommandNames(cfg *config.Config) []string {
	var names []string
	for _, action := range (&Agent{cfg: cfg}).actions() {
		names = append(names, action.Name)
	}
	return names
}

func (a *Agent) agentActions() []c2d.Action {
	return []c2d.Action{
		{
			Name:   "ping",
			Help:   "answers with the agent's version, uptime and queue depth",
			Repeat: c2d.Repeatable,
			Target: noTarget,
			Run: func(context.Context, c2d.Args) (any, error) {
				now := a.parts.Clock.Now()
				return map[string]any{
					"version":  a.parts.Version,
					"uptime_s": int64((now.BootTime - a.started.BootTime).Seconds()),
					"queued":   queued(a.store.Stats()),
				}, nil
			},
		},
		a.levelAction(),
	}
}

func noTarget(c2d.Args) string { return "" }

func (a *Agent) queueActions() []c2d.Action {
	queue := func(c2d.Args) string { return "queue" }
	return []c2d.Action{
		{
			Name:   "queue.flush",
			Help:   "writes what is in memory to disk now",
			Repeat: c2d.Repeatable,
			Target: queue,
			Run: func(ctx context.Context, _ c2d.Args) (any, error) {
				began := time.Now()
				if err := a.store.Flush(ctx); err != nil {
					return nil, err
				}
				return map[string]any{"queued": queued(a.store.Stats()), "took_ms": time.Since(began).Milliseconds()}, nil
			},
		},
		{
			Name:   "queue.stat",
			Help:   "counts what waits, what died and what was lost, by class",
			Repeat: c2d.Repeatable,
			Target: noTarget,
			Run: func(context.Context, c2d.Args) (any, error) {
				stats := a.store.Stats()
				return struct {
					diag.Queue
					AtRiskS float64 `json:"at_risk_s"`
					Full    string  `json:"full,omitempty"`
				}{queueOf(stats), stats.AtRisk.Seconds(), stats.Full}, nil
			},
		},
		{
			Name: "deadletter.retry",
			Help: "queues again what the hub refused: one record, or all",
			Args: []c2d.Arg{
				{Name: "id", Type: "string", Help: "message-id of one dead letter"},
				{Name: "all", Type: "boolean", Help: "true: every dead letter there is"},
			},
			Repeat: c2d.Repeatable,
			Target: queue,
			Run: func(ctx context.Context, args c2d.Args) (any, error) {
				s, err := selection(args)
				if err != nil {
					return nil, err
				}
				changed, err := a.retryDead(ctx, s)
				if err != nil {
					return nil, rejected(err)
				}
				return map[string]any{"retried": changed.Count}, nil
			},
			DryRun: func(ctx context.Context, args c2d.Args) (any, error) {
				s, err := selection(args)
				if err != nil {
					return nil, err
				}
				ids, err := a.selected(ctx, s)
				if err != nil {
					return nil, rejected(err)
				}
				return map[string]any{"would_retry": len(ids)}, nil
			},
		},
	}
}

// selection demands a clear word: nothing is not everything.
func selection(args c2d.Args) (diag.Selection, error) {
	id, all := args.String("id"), args.Bool("all")
	if all == (id != "") {
		return diag.Selection{}, &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: "either id or all: true"}
	}
	if all {
		return diag.Selection{All: true}, nil
	}
	return diag.Selection{IDs: []string{id}}, nil
}

// rejected gives an answer made for the socket the condition that it has for a
// sender.
func rejected(err error) error {
	var answer *diag.AnswerError
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Status {
	case http1.StatusBadRequest, http1.StatusNotFound:
		return &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: answer.Message}
	default:
		return &c2d.RejectError{Reason: answer.Message}
	}
}
