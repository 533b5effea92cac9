package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"fieldpost/internal/agent"
	"fieldpost/internal/clock"
	"fieldpost/internal/provision"
)

// provisionReport lies beside the folder that was filled, where a laptop shows it.
const provisionReport = "fieldpost-error.txt"

func runProvision(ctx context.Context, e env, args []string) int {
	f := flags(e, "provision")
	from := f.String("from", "/boot/firmware/fieldpost", "`folder` with agent.toml and the files it names, or some of them")
	to := f.String("to", "/etc/fieldpost", "`folder` that keeps them, for agent run --provisioned")
	var extra extraFiles
	f.Func("extra", "`name` of a file that no configuration needs to name, or name:N, of one with N characters at least, or name:N-M, with M at most; may be given again", extra.add)
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	folder := provision.Folder(*to)
	result, err := provision.Take(ctx, provision.Options{
		From:   *from,
		To:     folder,
		Report: filepath.Join(filepath.Dir(filepath.Clean(*from)), provisionReport),
		Extra:  extra.names,
		Check: func(path string) ([]string, []provision.Fault) {
			named, faults := e.judgeProvisioned(path)
			return named, append(faults, extra.judge(filepath.Dir(path))...)
		},
	})
	if err != nil {
		return failProvision(e, err)
	}
	there, unread := folder.Provisioned()
	switch {
	case result == provision.Taken:
		fmt.Fprintf(e.out, "%s: taken, in force in %s, and wiped\n", *from, *to)
	case result == provision.Same:
		fmt.Fprintf(e.out, "%s: in force already, and wiped\n", *from)
	case unread != nil:
		return failProvision(e, unread)
	case there:
		fmt.Fprintf(e.out, "%s: nothing to take; what is in %s stays in force\n", *from, *to)
	default:
		fmt.Fprintf(e.out, "%s: nothing to take, and nothing in force in %s\n", *from, *to)
	}
	return exitOK
}

// failProvision tells every fault of a set.
func failProvision(e env, err error) int {
	for _, fault := range provision.Faults(err) {
		say(e, "agent: provision: "+fault.Text, fault.Hint)
	}
	var refused *provision.Refused
	if errors.As(err, &refused) {
		return exitConfig
	}
	return exitFailure
}

// judgeProvisioned judges as agent check does, but for the clock: one that nobody
// vouches for cannot tell whether a certificate is good today.
func (e env) judgeProvisioned(path string) (named []string, faults []provision.Fault) {
	cfg, problems := readConfig(path)
	if cfg != nil {
		now := e.now()
		if now.Trust != clock.TrustSynced {
			now.Trust = clock.TrustNone
		}
		problems = append(problems, agent.CheckFiles(cfg, now)...)
		named = agent.HubFiles(cfg.Hub)
		if strings.HasPrefix(cfg.Agent.StateDir, filepath.Dir(path)+string(filepath.Separator)) {
			problems = append(problems, cfg.Problem("agent.state_dir", "lies in the folder that the next provisioning replaces", "give an absolute path, or leave it out"))
		}
	}
	for _, p := range problems {
		faults = append(faults, provision.Fault{Text: p.String(), Hint: p.Hint})
	}
	return named, faults
}
