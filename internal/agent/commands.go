package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sort"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

func (a *Agent) commandsReport() diag.Commands {
	report := diag.Commands{Actions: described(a.commands.Actions(), a.cfg.Commands), Journal: Journal(a.store.Journal().Entries())}
	if stats := a.store.Stats(); !stats.Ready {
		report.Opening = cmp.Or(stats.Opening, "the queue is being opened")
	}
	return report
}

// Describe tells what an agent of this configuration could be commanded.
func Describe(cfg *config.Config) diag.Commands {
	actions := (&Agent{cfg: cfg}).actions()
	sort.Slice(actions, func(i, j int) bool { return actions[i].Name < actions[j].Name })
	return diag.Commands{Actions: described(actions, cfg.Commands)}
}

func described(actions []c2d.Action, allowed config.Commands) (list []diag.Action) {
	for _, action := range actions {
		w := diag.Action{
			Name: action.Name, Help: action.Help, Allowed: slices.Contains(allowed.Allow, action.Name),
			Repeat: action.Repeat.String(), DryRun: action.DryRun != nil,
		}
		for _, door := range []struct {
			name  string
			allow []string
		}{{c2d.DoorDevicebound, allowed.Allow}, {c2d.DoorMethods, allowed.AllowMethods}, {c2d.DoorLocal, allowed.AllowLocal}} {
			if slices.Contains(door.allow, action.Name) {
				w.Doors = append(w.Doors, door.name)
			}
		}
		for _, arg := range action.Args {
			w.Args = append(w.Args, diag.Argument{
				Name: arg.Name, Type: arg.Type, Required: arg.Required, Min: arg.Min, Max: arg.Max, OneOf: arg.OneOf, Help: arg.Help,
			})
		}
		list = append(list, w)
	}
	return list
}

// Journal lists entries of a journal as a technician is shown them.
func Journal(entries []store.JournalEntry) []diag.Command {
	list := []diag.Command{}
	for _, e := range entries {
		state := "done"
		switch {
		case e.Outcome.Verdict == store.Pending:
			state = "begun"
		case e.Due != "":
			state = "due"
		}
		list = append(list, diag.Command{
			MessageID: e.Command.MessageID, Seq: e.Command.Seq, Name: e.Command.Name, Door: e.Command.Door, State: state,
			Verdict: e.Outcome.Verdict.String(), Condition: e.Outcome.Condition, Reason: e.Outcome.Reason,
			Enqueued: e.Command.EnqueuedAt, Begun: e.Begun, Finished: e.Ended,
		})
	}
	return list
}

// localCommand carries out a command of the socket.
func (a *Agent) localCommand(ctx context.Context, r diag.CommandRequest) (diag.CommandAnswer, error) {
	peer, _ := diag.PeerFrom(ctx)
	fresh := r.ID == ""
	if fresh {
		var id [8]byte
		_, _ = rand.Read(id[:]) // never fails
		r.ID = "local-" + hex.EncodeToString(id[:])
	}
	answer, told := a.commands.Do(ctx, c2d.Request{
		Door: c2d.DoorLocal, ID: r.ID, Fresh: fresh, Name: r.Name, Args: r.Args,
		Within: time.Duration(r.WithinS * float64(time.Second)),
	})
	a.parts.Log.Info("command at the socket", "name", r.Name, "message-id", r.ID, "outcome", answer.Outcome, "by_uid", peer.UID)
	told()
	return diag.CommandAnswer{
		Status: answer.Status, MessageID: answer.MessageID, Outcome: answer.Outcome, Result: answer.Result,
		Condition: answer.Condition, Error: answer.Error, Again: answer.Again,
	}, nil
}
