package c2d

import (
	"context"
	"fmt"
	"slices"
)

// Repeat says what becomes of a command that was begun and whose outcome is
// unknown, because the agent ended in between.
type Repeat byte

const (
	// Once marks an action that must not happen twice: it is rejected as interrupted.
	Once Repeat = iota
	// Repeatable marks an action that does no harm when it happens twice: it runs again.
	Repeatable
	// Resumable marks an action that can tell what happened: its Resume decides.
	Resumable
)

// String returns "once", "repeatable" or "resumable".
func (r Repeat) String() string {
	return [...]string{"once", "repeatable", "resumable", "unknown"}[r&3]
}

// Action is one thing that a command can do.
type Action struct {
	Name   string // as senders write it: "sensor.read"
	Help   string // one line for a person
	Args   []Arg  // everything it takes; any other argument is rejected
	Repeat Repeat // default Once

	// Target names what the action acts upon. Commands for the same target run
	// one at a time, in the order of their delivery. Nil means the action's Name;
	// an empty target is no target: nothing is waited for.
	Target func(Args) string

	// Ready is asked before the action is begun, and again while the command is
	// held. A *BusyError means not now; any other error rejects the command. It
	// must not block. Nil means always ready.
	Ready func(Args) error

	// Run does it. Its context ends at the deadline or when the Loop is shut
	// down. The result is encoded as JSON for the sender, or is a Result. A
	// *RejectError chooses the condition; any other error is amqp:internal-error.
	Run func(ctx context.Context, a Args) (any, error)

	// DryRun tells what Run would do and does nothing. It is run in the place of
	// Run, without Ready and without a target, when the command has the argument
	// dry_run with the value true. Nil means that the command takes no dry_run.
	DryRun func(ctx context.Context, a Args) (any, error)

	// Resume decides about a Resumable command that was begun and whose outcome is
	// unknown: done means that it happened and has this result; otherwise it runs.
	// An error rejects it as interrupted.
	Resume func(ctx context.Context, a Args) (done bool, result any, err error)

	// Prove tells, after a restart, what became of a Result that was Due: it gets
	// its note. When it returns a Result that is Due in its turn, the effect has
	// not happened yet, and AfterSettle is called again.
	Prove func(note string) Result
}

// Result is what Run returns when something is to be done after the command is
// settled: a restart of the agent, a reboot.
type Result struct {
	Value any // encoded as JSON for the sender
	// AfterSettle is called once, after the outcome is in the journal and the
	// settlement was tried; the hub may or may not have confirmed it. It is not
	// called when the outcome could not be written, nor for a redelivery.
	AfterSettle func() error
	// Due says that AfterSettle ends the process. The outcome is completed, and
	// settled; the result record is written after the restart, with what Prove
	// makes of this note, or at once when AfterSettle returns an error. At most
	// 1024 bytes; empty means that Value is the result.
	Due string
}

// Arg is one argument of an action.
type Arg struct {
	Name     string
	Type     string // "string", "number", "integer", "boolean" or "duration" (JSON string as Go writes it, "1m30s")
	Help     string
	Required bool
	Min, Max *float64 // inclusive, for number, integer and duration (seconds); nil = no limit
	OneOf    []string // for string; empty = anything
}

// BusyError says that an action cannot begin now and may later.
type BusyError struct {
	Reason string // for a person: "pump is cooling down for 12s"
}

func (e *BusyError) Error() string { return "busy: " + e.Reason }

// RejectError rejects a command.
type RejectError struct {
	Condition string // AMQP error condition; empty = amqp:internal-error
	Reason    string // for the sender
}

func (e *RejectError) Error() string { return e.Condition + ": " + e.Reason }

// Conditions a command is rejected with. The first five are from AMQP 1.0 Part 2
// section 2.8.15, with the meaning they have there.
const (
	ConditionDecode      = "amqp:decode-error"        // the message is no command
	ConditionInvalid     = "amqp:invalid-field"       // an argument is missing, unknown or out of its range
	ConditionNotFound    = "amqp:not-found"           // there is no such command
	ConditionNotAllowed  = "amqp:not-allowed"         // the command exists and this gateway does not allow it
	ConditionBusy        = "amqp:resource-locked"     // the gateway was busy at three deliveries
	ConditionExpired     = "amqp:precondition-failed" // the expiry time of the message had passed
	ConditionFailed      = "amqp:internal-error"      // the action returned an error
	ConditionTimedOut    = "fieldpost:timed-out"      // the action did not return in time: it may have happened
	ConditionInterrupted = "fieldpost:interrupted"    // the agent ended while the action ran: it may have happened
	ConditionInterlock   = "fieldpost:interlock"      // an interlock of the gateway's configuration forbids it as things are
)

// dryRun is the argument of every command whose action has a DryRun.
const dryRun = "dry_run"

// reserved are argument names that mean something in every command.
var reserved = [...]string{"command", "args", dryRun}

// checkActions finds the mistakes of a table that no sender could make good.
func checkActions(actions []Action) error {
	seen := map[string]bool{}
	for _, a := range actions {
		if a.Name == "" || len(a.Name) > maxName {
			return fmt.Errorf("action %q: name is empty or longer than %d bytes", a.Name, maxName)
		}
		if seen[a.Name] {
			return fmt.Errorf("action %q: named twice", a.Name)
		}
		seen[a.Name] = true
		if a.Run == nil {
			return fmt.Errorf("action %q: no Run", a.Name)
		}
		if (a.Repeat == Resumable) != (a.Resume != nil) {
			return fmt.Errorf("action %q: %s, and Resume does not fit", a.Name, a.Repeat)
		}
		args := map[string]bool{}
		for _, arg := range a.Args {
			if arg.Name == "" || args[arg.Name] || slices.Contains(reserved[:], arg.Name) {
				return fmt.Errorf("action %q: argument %q: name is empty, taken or reserved", a.Name, arg.Name)
			}
			args[arg.Name] = true
			if !slices.Contains(argTypes[:], arg.Type) {
				return fmt.Errorf("action %q: argument %q: type %q is none of %v", a.Name, arg.Name, arg.Type, argTypes)
			}
		}
	}
	return nil
}
