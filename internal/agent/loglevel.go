package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

// logLevel sets the least level that is logged, and falls back to the configured
// one where it was set for a while.
type logLevel struct {
	level      *slog.LevelVar
	configured slog.Level
	log        *slog.Logger

	mu    sync.Mutex
	until time.Time // when it falls back; zero = never
	times uint64    // that it was set
}

// set returns what the level was. A while of zero has no end.
func (l *logLevel) set(level slog.Level, while time.Duration) (was slog.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times++
	was, l.until = l.level.Level(), time.Time{}
	l.level.Set(level)
	if while > 0 {
		l.until = time.Now().Add(while)
		mine := l.times
		time.AfterFunc(while, func() { l.fallBack(mine) })
	}
	l.log.Info("log level set", "level", level, "was", was, "for", while)
	return was
}

// fallBack does nothing when the level was set again meanwhile.
func (l *logLevel) fallBack(mine uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.times != mine {
		return
	}
	l.until = time.Time{}
	l.level.Set(l.configured)
	l.log.Info("log level is the configured one again", "level", l.configured)
}

func (l *logLevel) report() diag.LogLevel {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := diag.LogLevel{Level: levelName(l.level.Level()), Configured: levelName(l.configured)}
	if !l.until.IsZero() {
		r.FallsBackS = max(0, time.Until(l.until).Seconds())
	}
	return r
}

// setLevel does for the socket what the command log.level does.
func (a *Agent) setLevel(_ context.Context, s diag.SetLogLevel) (diag.LogLevel, error) {
	level, err := parseLevel(s.Level)
	if err != nil {
		return diag.LogLevel{}, &diag.AnswerError{Status: 400, Problem: diag.Problem{Message: err.Error(), Hint: "one of " + strings.Join(config.LogLevels(), ", ")}}
	}
	was := a.level.set(level, time.Duration(s.ForS*float64(time.Second)))
	r := a.level.report()
	r.Was = levelName(was)
	return r, nil
}

func parseLevel(text string) (level slog.Level, err error) {
	for _, name := range config.LogLevels() {
		if name == text {
			return level, level.UnmarshalText([]byte(text))
		}
	}
	return level, fmt.Errorf("no level %.32q", text)
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }

// levelAction is the command log.level.
func (a *Agent) levelAction() c2d.Action {
	least, most := 1.0, float64(diag.MaxLevelForS)
	return c2d.Action{
		Name: "log.level",
		Help: "sets the least level that is logged, for a while or until the agent restarts",
		Args: []c2d.Arg{
			{Name: "level", Type: "string", Required: true, OneOf: config.LogLevels(), Help: "least level that is logged"},
			{Name: "for", Type: "duration", Min: &least, Max: &most, Help: "after this the configured level is set again"},
		},
		Repeat: c2d.Repeatable,
		Run: func(_ context.Context, args c2d.Args) (any, error) {
			level, err := parseLevel(args.String("level"))
			if err != nil {
				return nil, &c2d.RejectError{Condition: c2d.ConditionInvalid, Reason: err.Error()}
			}
			was := a.level.set(level, args.Duration("for"))
			return map[string]any{"level": levelName(level), "was": levelName(was)}, nil
		},
		DryRun: func(_ context.Context, args c2d.Args) (any, error) {
			return map[string]any{"would_set": args.String("level"), "is": levelName(a.parts.Level.Level())}, nil
		},
	}
}
