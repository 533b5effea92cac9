package agent

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"fieldpost/c2d"
)

// How Run has ended when a command wanted it: the caller does the rest.
var (
	// ErrRestart asks for the program to be started again.
	ErrRestart = errors.New("a command restarts the agent")
	// ErrReboot asks for the board to be rebooted.
	ErrReboot = errors.New("a command reboots the board")
)

// rebootTries is how many starts ask for one reboot. After that the result says
// that the board does not reboot, and the agent is left in peace.
const rebootTries = 2

// before is what a restart is proven by: it must differ afterwards. It is the
// note of a result that is due.
type before struct {
	Boot  string `json:"boot"`  // id of the boot, 32 hex digits
	Epoch uint32 `json:"epoch"` // of the store, raised by every start
	Tries int    `json:"tries"`
}

func (a *Agent) restartActions() []c2d.Action {
	// Nothing has happened yet to a command that was only begun: its effect comes
	// after the settlement.
	untouched := func(context.Context, c2d.Args) (bool, any, error) { return false, nil, nil }
	program := func(c2d.Args) string { return "agent" }
	return []c2d.Action{
		{
			Name:   "agent.restart",
			Help:   "stops the agent in order and starts it again; the result comes from the next start",
			Repeat: c2d.Resumable,
			Target: program,
			Resume: untouched,
			Run: func(context.Context, c2d.Args) (any, error) {
				return a.leaving(ErrRestart, 1), nil
			},
			DryRun: func(context.Context, c2d.Args) (any, error) {
				return map[string]any{"would": "restart the agent", "is": a.now(1)}, nil
			},
			Prove: func(note string) c2d.Result {
				was, now := readBefore(note), a.now(0)
				return c2d.Result{Value: map[string]any{
					"done": was.Epoch != now.Epoch, "rebooted": was.Boot != now.Boot,
					"boot_before": was.Boot, "boot": now.Boot, "epoch_before": was.Epoch, "epoch": now.Epoch,
				}}
			},
		},
		{
			Name:   "board.reboot",
			Help:   "stops the agent in order and reboots the board; the result comes from the next start and has the ids of both boots",
			Repeat: c2d.Resumable,
			Target: program,
			Resume: untouched,
			Ready: func(c2d.Args) error {
				if err := a.parts.Power.MayReboot(); err != nil {
					return &c2d.RejectError{Reason: err.Error()}
				}
				return nil
			},
			Run: func(context.Context, c2d.Args) (any, error) {
				return a.leaving(ErrReboot, 1), nil
			},
			DryRun: func(context.Context, c2d.Args) (any, error) {
				would := map[string]any{"would": "reboot the board", "is": a.now(1)}
				if err := a.parts.Power.MayReboot(); err != nil {
					would["forbidden_now"] = err.Error()
				}
				return would, nil
			},
			Prove: a.proveReboot,
		},
	}
}

// proveReboot compares the boots. The same one says that the agent ended before
// the board did: the reboot is asked for again, a few times.
func (a *Agent) proveReboot(note string) c2d.Result {
	was, now := readBefore(note), a.now(0)
	done := was.Boot != now.Boot
	if !done && was.Tries < rebootTries && a.parts.Power.MayReboot() == nil {
		return a.leaving(ErrReboot, was.Tries+1)
	}
	value := map[string]any{"done": done, "boot_before": was.Boot, "boot": now.Boot}
	if !done {
		value["error"] = fmt.Sprintf("the board is in the same boot after %d tries", was.Tries)
	}
	return c2d.Result{Value: value}
}

// now is what a restart changes.
func (a *Agent) now(tries int) before {
	boot := a.parts.Clock.Now().Boot
	return before{Boot: hex.EncodeToString(boot[:]), Epoch: a.store.Stats().Epoch, Tries: tries}
}

// leaving is the result of a command that ends the agent in this way.
func (a *Agent) leaving(how error, tries int) c2d.Result {
	note, _ := json.Marshal(a.now(tries)) // texts and numbers only: it cannot fail
	return c2d.Result{Due: string(note), AfterSettle: func() error {
		a.leave(how)
		return nil
	}}
}

// readBefore reads a note. One that cannot be read differs from every present.
func readBefore(note string) (b before) {
	_ = json.Unmarshal([]byte(note), &b)
	return b
}

// leave has Run end in order and return how. The first one counts.
func (a *Agent) leave(how error) {
	select {
	case a.leaves <- how:
	default:
	}
}
