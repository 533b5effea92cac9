package agent

import (
	"context"
	"log/slog"
	"net"
	"time"

	"fieldpost/board"
	"fieldpost/c2d"
	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// Parts is what the demo and the tests replace. The zero value is the real
// gateway: its own buses and lines, its own clock, TLS to the hub.
type Parts struct {
	Dial    func(context.Context, uplink.Identity) (net.Conn, error) // default: as [hub] says
	Buses   board.Buses                                              // default: the kernel's I2C adapters
	Ports   board.Ports                                              // default: the kernel's SPI ports
	Lines   board.Lines                                              // default: the kernel's GPIO chips
	Inputs  board.Inputs                                             // default: the kernel's GPIO chips
	Clock   clock.Clock                                              // default: clock.System
	Notify  *board.Notifier                                          // who is told how the agent is; default nobody
	Dogs    board.Watchdogs                                          // default: the kernel's devices
	Power   board.Power                                              // default: the board's own
	Actions []c2d.Action                                             // commands beside the built-in ones; default none
	Watch   Watch                                                    // default: nobody watches
	Log     *slog.Logger                                             // default: discard
	Level   *slog.LevelVar                                           // least level of Log, for the command that sets it; default: one that nobody looks at
	Ring    *diag.LogRing                                            // what Log wrote last, for who asks; default none
	Version string                                                   // shown by status; default "unknown"
	Built   time.Time                                                // date of the build, which has passed; default 2025-01-01 with the default Clock, else none
	Seed    uint64                                                   // of simulated sources; default 0
	Awaits  string                                                   // what brings the identity that is not configured, for status; default nothing
	Root    string                                                   // where /proc and /sys are looked for; default "/"

	Failpoint func(c2d.Point, string) // see c2d.Options; default none

	BackoffMax time.Duration // longest wait between two attempts to reach the hub; default that of uplink
	LastDrain  time.Duration // how long a stop waits for the queue to empty while online; default 3 s
}

// Watch holds functions that are told what happens, on the goroutine where it
// happened: they must return quickly. Any of them may be nil.
type Watch struct {
	Reading func(sensors.Reading, store.Ticket) // a reading was appended
	Settled func(uplink.Settlement)             // the hub has answered for a record
	Command func(c2d.Report)                    // a command went one step further
	Link    func(uplink.LinkState)              // the link changed its state
	Commit  func()                              // the store goes to work on its file
}

func (p Parts) withDefaults(level slog.Level) Parts {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Clock == nil {
		p.Clock = clock.System()
		if p.Built.Before(clock.Floor) {
			p.Built = clock.Floor
		}
	}
	if p.Version == "" {
		p.Version = "unknown"
	}
	if p.Root == "" {
		p.Root = "/"
	}
	if p.LastDrain == 0 {
		p.LastDrain = 3 * time.Second
	}
	if p.Level == nil {
		p.Level = new(slog.LevelVar)
		p.Level.Set(level)
	}
	host := board.Host()
	if p.Inputs == nil {
		p.Inputs = host
	}
	if p.Buses == nil {
		p.Buses = host
	}
	if p.Ports == nil {
		p.Ports = host
	}
	if p.Lines == nil {
		p.Lines = host
	}
	if p.Dogs == nil {
		p.Dogs = host
	}
	if p.Power == nil {
		p.Power = host
	}
	return p
}
