package agent

import (
	"context"
	"errors"
	"os"
	"time"

	"fieldpost/internal/diag"
	"fieldpost/internal/http1"
)

// socketRetry is the time between two attempts to open the technician's socket,
// and between two looks whether its file is still there.
const socketRetry = 2 * time.Second

// listen opens the technician's socket. A live agent there is an error; any other
// obstacle is logged, and serve tries again: without a socket the agent still samples.
func (a *Agent) listen() (*diag.Listener, error) {
	l, err := diag.Listen(a.cfg.Agent.Socket)
	if err == nil {
		return l, nil
	}
	var used *diag.InUseError
	if errors.As(err, &used) && used.Agent {
		return nil, err
	}
	a.parts.Log.Error("cannot be asked: socket not opened", "err", err, "hint", diag.Hint(err))
	return nil, nil
}

// serve answers the technician until ctx ends.
func (a *Agent) serve(ctx context.Context, socket *diag.Listener) error {
	server := diag.NewServer(diag.ServerOptions{Provider: a.provider(), Log: a.parts.Log.With("part", "diag")})
	for ctx.Err() == nil {
		if socket != nil {
			a.serveWhileThere(ctx, server, socket)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(socketRetry):
		}
		socket, _ = diag.Listen(a.cfg.Agent.Socket)
	}
	return nil
}

// serveWhileThere answers until ctx ends or somebody has removed the socket's
// file: an agent that cannot be found cannot be asked.
func (a *Agent) serveWhileThere(ctx context.Context, server *diag.Server, socket *diag.Listener) {
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, socket) }()
	look := time.NewTicker(socketRetry)
	defer look.Stop()
	var err error
	for there := true; there; {
		select {
		case err = <-served:
			there = false
		case <-look.C:
			if _, gone := os.Lstat(a.cfg.Agent.Socket); gone != nil {
				cancel()
				err = errors.Join(gone, <-served)
				there = false
			}
		}
	}
	cancel()
	_ = socket.Close()
	if err != nil {
		a.parts.Log.Warn("socket lost, it is made again", "err", err)
	}
}

func (a *Agent) provider() diag.Provider {
	return diag.Provider{
		Status:   func(context.Context) (diag.Status, error) { return a.Status(), nil },
		Sensors:  func(context.Context) (diag.Sensors, error) { return a.sensorsReport(), nil },
		History:  func(context.Context) (diag.History, error) { return a.watch.history.report(), nil },
		Events:   a.watch.events,
		Queue:    a.queueReport,
		Commands: func(context.Context) (diag.Commands, error) { return a.commandsReport(), nil },
		Command:  a.localCommand,
		Flush: func(ctx context.Context) (diag.Flushed, error) {
			err := a.store.Flush(ctx)
			stats := a.store.Stats()
			switch {
			case err != nil && stats.LastError != "":
				return diag.Flushed{}, &diag.AnswerError{Status: http1.StatusServiceUnavailable, Problem: diag.Problem{Message: err.Error(), Hint: storeHint(stats)}}
			case err != nil:
				return diag.Flushed{}, err
			}
			return diag.Flushed{Queued: queued(stats), AtRiskS: stats.AtRisk.Seconds()}, nil
		},
		ReadSensor: a.readReport,
		Probe:      a.probe,

		Log:         a.parts.Ring,
		LogLevel:    func(context.Context) (diag.LogLevel, error) { return a.level.report(), nil },
		SetLogLevel: a.setLevel,
		Metrics:     a.metrics,
		Bundle:      a.bundle,

		Peek:      a.peek,
		Export:    a.export,
		Dead:      a.deadLetters,
		DeadShow:  a.deadLetter,
		RetryDead: a.retryDead,
		DropDead:  a.dropDead,
	}
}
