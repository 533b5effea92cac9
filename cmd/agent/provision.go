package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"fieldpost/internal/agent"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/provision"
)

// provisionReport lies beside the folder that was filled, where a laptop shows it.
const provisionReport = "fieldpost-error.txt"

func runProvision(ctx context.Context, e env, args []string) int {
	f := flags(e, "provision")
	from := f.String("from", "/boot/firmware/fieldpost", "`folder` with agent.toml and the files it names, or some of them")
	to := f.String("to", "/etc/fieldpost", "`folder` that keeps them, for agent run --provisioned")
	check := f.Bool("check", false, "judge the folder on any machine, as for a gateway that has nothing yet, and take and write nothing; --to is not looked at")
	var extra extraFiles
	f.Func("extra", "`name` of a file that no configuration needs to name, or name:N, of one with N characters at least, or name:N-M, with M at most; may be given again", extra.add)
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	folder := provision.Folder(*to)
	j := setJudge{now: e.now(), extra: &extra, gateway: !*check}
	o := provision.Options{
		From:   *from,
		To:     folder,
		Report: filepath.Join(filepath.Dir(filepath.Clean(*from)), provisionReport),
		Extra:  extra.names,
		Text:   plain,
		Check:  j.judge,
	}
	if *check {
		return checkProvision(e, o, &j)
	}
	result, err := provision.Take(ctx, o)
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

// checkProvision says what a gateway would say of a folder.
func checkProvision(e env, o provision.Options, j *setJudge) int {
	something, err := provision.Check(o)
	code, said := exitOK, o.From+": nothing to take\n"
	switch {
	case err != nil:
		code, said = failProvision(e, err), ""
	case something:
		said = o.From + ": fine: a gateway takes it\n"
	}
	if len(j.left) > 0 {
		said += "left to the gateway: what it has in force already, which need not be here again, " + strings.Join(j.left, ", ") + "\n"
	}
	_, _ = io.WriteString(e.out, said)
	return code
}

// setJudge judges files to provision as agent check does, but for the clock: one that
// nobody vouches for cannot tell whether a certificate is good today.
type setJudge struct {
	now     clock.Stamp
	extra   *extraFiles
	gateway bool     // this machine is the one that they are for
	left    []string // what could not be judged because it is not
}

func (j *setJudge) judge(dir string, text []byte) (named []string, faults []provision.Fault) {
	cfg, problems := checkCommands(config.Parse(filepath.Join(dir, provision.ConfigFile), text))
	if cfg != nil {
		problems = append(problems, j.around(cfg, dir)...)
		for _, path := range agent.HubFiles(cfg.Hub) {
			named = append(named, path)
		}
	}
	for _, p := range problems {
		faults = append(faults, provision.Fault{Text: p.String(), Hint: p.Hint})
	}
	return named, append(faults, j.extra.judge(dir)...)
}

// around judges what a configuration points to.
func (j *setJudge) around(cfg *config.Config, dir string) (problems []config.Problem) {
	now := j.now
	if now.Trust != clock.TrustSynced {
		now.Trust = clock.TrustNone
	}
	if j.gateway {
		problems = agent.CheckFiles(cfg, now)
	} else {
		problems = j.here(cfg, dir, now)
	}
	if strings.HasPrefix(cfg.Agent.StateDir, dir+string(filepath.Separator)) {
		problems = append(problems, cfg.Problem("agent.state_dir", "lies in the folder that the next provisioning replaces", "give an absolute path, or leave it out"))
	}
	return problems
}

// here judges what a machine can that is not the gateway.
func (j *setJudge) here(cfg *config.Config, dir string, now clock.Stamp) (problems []config.Problem) {
	j.left = []string{"agent.socket", "agent.state_dir"}
	if cfg.Board.Watchdog != "" {
		j.left = append(j.left, "board.watchdog")
	}
	files := agent.HubFiles(cfg.Hub)
	for key, path := range files {
		if path != "" && filepath.Dir(path) != dir {
			j.left = append(j.left, key)
		} else {
			delete(files, key)
		}
	}
	slices.Sort(j.left)
	if now.Trust == clock.TrustNone && cfg.Hub.CertificateFile+cfg.Hub.SASTokenFile != "" {
		j.left = append(j.left, "whether certificate and token are in time, which this machine's clock cannot tell")
	}
	for _, p := range agent.CheckHubFiles(cfg, now) {
		if _, elsewhere := files[p.Key]; !elsewhere {
			problems = append(problems, p)
		}
	}
	return problems
}

// plain reports whether a file is text.
func plain(data []byte) error {
	_, err := config.Text(data)
	return err
}
