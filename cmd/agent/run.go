package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"fieldpost/board"
	"fieldpost/internal/agent"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/internal/provision"
	"fieldpost/store"
)

const defaultConfig = "/etc/fieldpost/agent.toml"

func runAgent(ctx context.Context, e env, args []string) int {
	f := flags(e, "run")
	path := f.String("config", defaultConfig, "configuration `file`")
	provisioned := f.String("provisioned", "", "run what agent provision has put into this `folder`; until then, the configuration at --config")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	cfg, awaits, code := configToRun(e, *path, provision.Folder(*provisioned))
	if code != exitOK {
		return code
	}
	noCore()
	out := startLog(e.err)
	defer out.Close()
	level := new(slog.LevelVar)
	level.Set(cfg.Agent.LogLevel)
	ring := diag.NewLogRing(diag.RingBytes)
	log := slog.New(slog.NewTextHandler(io.MultiWriter(ring, out), &slog.HandlerOptions{Level: level}))
	parts := e.parts()
	parts.Log, parts.Level, parts.Ring, parts.Notify, parts.Awaits = log, level, ring, supervisor(log), awaits
	parts.Power = cmp.Or[board.Power](parts.Power, board.Host())
	err := agent.New(cfg, parts).Run(ctx)
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
		return reboot(ctx, e, parts.Power)
	case errors.As(err, &used):
		return fail(e, exitStore, err, diag.Hint(err))
	case errors.Is(err, store.ErrLocked):
		return fail(e, exitStore, err, "another agent uses this state folder: stop it, or set agent.state_dir to another")
	default:
		return fail(e, exitFailure, err, diag.Hint(err))
	}
}

// supervisor is who has started this program and wants to know how it is.
func supervisor(log *slog.Logger) *board.Notifier {
	n, err := board.NewNotifier(os.Getenv, os.Getpid())
	if err != nil {
		log.Warn("supervisor", "err", err)
	}
	return n
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
		now, parts := e.now(), e.parts()
		problems = slices.Concat(problems, agent.CheckFiles(cfg, now), agent.CheckSocket(cfg), agent.CheckLight(cfg, parts.Root, cmp.Or[board.Lines](parts.Lines, board.Host())), agent.CheckClock(now))
	}
	if len(problems) > 0 {
		tell(e, problems)
		return exitConfig
	}
	if _, err := fmt.Fprintf(e.out, "%s: fine: %d sensors, %d outputs\n", *path, len(cfg.Sensors), len(cfg.Outputs)); err != nil {
		return fail(e, exitFailure, err, "")
	}
	return exitOK
}

// readConfig reads a configuration and finds everything that is wrong with it.
func readConfig(path string) (*config.Config, []config.Problem) {
	return checkCommands(config.Load(path))
}

// checkCommands adds what only the agent knows of a configuration: its commands.
func checkCommands(cfg *config.Config, problems []config.Problem) (*config.Config, []config.Problem) {
	if cfg != nil {
		problems = append(problems, cfg.CheckCommands(agent.CommandNames(cfg))...)
	}
	return cfg, problems
}

// configToRun reads the configuration that is to be run. Until a folder has one it
// is that at path, or when nobody wrote one that of a file which says nothing, and
// awaits tells what an agent without identity waits for. One that is there and cannot
// be read stops the start, as that at path does: nothing else is run in its place.
func configToRun(e env, path string, folder provision.Folder) (cfg *config.Config, awaits string, code int) {
	if folder != "" {
		there, err := folder.Provisioned()
		if err != nil {
			hint := "agent provision puts another in its place"
			if errors.Is(err, fs.ErrPermission) {
				hint = fmt.Sprintf("let the agent's user read it: chgrp -R fieldpost %s, and chmod g+rX where only the owner may", folder)
			}
			return nil, "", fail(e, exitConfig, err, hint)
		}
		if there {
			path = folder.Config()
		} else if _, err := os.Stat(path); path == defaultConfig && os.IsNotExist(err) {
			return config.Default(), awaitsProvision, exitOK
		} else {
			awaits = awaitsProvision
		}
	}
	cfg, code = loadConfig(e, path)
	return cfg, awaits, code
}

const awaitsProvision = "a provisioning file (agent provision)"

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
		say(e, p.String(), p.Hint)
	}
}
