package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"fieldpost/board"
	"fieldpost/internal/agent"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

const defaultConfig = "/etc/fieldpost/agent.toml"

func runAgent(ctx context.Context, e env, args []string) int {
	f := flags(e, "run")
	path := f.String("config", defaultConfig, "configuration `file`")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	cfg, code := loadConfig(e, *path)
	if code != exitOK {
		return code
	}
	out := startLog(e.err)
	defer out.Close()
	level := new(slog.LevelVar)
	level.Set(cfg.Agent.LogLevel)
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
	power := cmp.Or[board.Power](e.power, board.Host())
	err := agent.New(cfg, agent.Parts{
		Log: log, Level: level, Version: version, Built: buildDate(), Watch: e.watch, Power: power, Failpoint: e.failpoint,
	}).Run(ctx)
	var used *diag.InUseError
	switch {
	case err == nil:
		return exitOK
	case restarts(ctx, err):
		out.Close()
		return restart(e)
	case errors.Is(err, agent.ErrRestart):
		return exitOK
	case errors.Is(err, agent.ErrReboot):
		out.Close()
		return reboot(ctx, e, power)
	case errors.As(err, &used):
		return fail(e, exitStore, err, diag.Hint(err))
	case errors.Is(err, store.ErrLocked):
		return fail(e, exitStore, err, "another agent uses this state folder: stop it, or set agent.state_dir to another")
	default:
		return fail(e, exitFailure, err, diag.Hint(err))
	}
}

// buildDate is the zero time for a build that nobody dated.
func buildDate() time.Time {
	at, _ := time.Parse(time.RFC3339, built)
	return at
}

func runCheck(_ context.Context, e env, args []string) int {
	f := flags(e, "check")
	path := f.String("config", defaultConfig, "configuration `file`")
	defaults := f.Bool("defaults", false, "print a complete configuration with every key and its default")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	if *defaults {
		if err := config.Defaults(e.out); err != nil {
			return fail(e, exitFailure, err, "")
		}
		return exitOK
	}
	cfg, problems := readConfig(*path)
	if cfg != nil {
		problems = append(problems, agent.CheckFiles(cfg, clock.System().Now())...)
	}
	if len(problems) > 0 {
		tell(e, problems)
		return exitConfig
	}
	fmt.Fprintf(e.out, "%s: fine: %d sensors, %d outputs\n", *path, len(cfg.Sensors), len(cfg.Outputs))
	return exitOK
}

// readConfig reads a configuration and finds everything that is wrong with it.
func readConfig(path string) (*config.Config, []config.Problem) {
	cfg, problems := config.Load(path)
	if cfg != nil {
		problems = append(problems, cfg.CheckCommands(agent.CommandNames(cfg))...)
	}
	return cfg, problems
}

// loadConfig reads a configuration that is to be run.
func loadConfig(e env, path string) (*config.Config, int) {
	cfg, problems := readConfig(path)
	if len(problems) > 0 {
		tell(e, problems)
		return nil, exitConfig
	}
	return cfg, exitOK
}

func tell(e env, problems []config.Problem) {
	for _, p := range problems {
		fmt.Fprintln(e.err, p)
		if p.Hint != "" {
			fmt.Fprintln(e.err, "hint:", p.Hint)
		}
	}
}
