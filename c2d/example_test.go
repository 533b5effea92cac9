package c2d_test

import (
	"context"
	"fmt"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/clock"
	"fieldpost/store"
)

func Example() {
	longest := 60.0
	water := c2d.Action{
		Name:   "valve.open",
		Help:   "opens a valve for a while",
		Repeat: c2d.Once,
		Args: []c2d.Arg{
			{Name: "valve", Type: "string", Required: true, OneOf: []string{"north", "south"}},
			{Name: "for", Type: "duration", Required: true, Max: &longest, Help: "at most a minute"},
		},
		Target: func(a c2d.Args) string { return "valve " + a.String("valve") },
		Run: func(ctx context.Context, a c2d.Args) (any, error) {
			select {
			case <-time.After(a.Duration("for")):
				return map[string]string{"valve": a.String("valve")}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}
	queue := store.New(store.Options{Dir: "/var/lib/fieldpost", Clock: clock.System()})
	loop := c2d.New(c2d.Options{
		DeviceID: func() string { return "pump-7" },
		Journal:  queue.Journal(),
		Actions:  []c2d.Action{water},
		Allow:    []string{"valve.open"},
		Clock:    clock.System(),
		OnCommand: func(r c2d.Report) {
			fmt.Println(r.MessageID, r.Step, r.Name, r.Outcome, r.Reason)
		},
	})
	// uplink.NewLink takes loop as a tenant and calls Serve for each session.
	for _, a := range loop.Actions() {
		fmt.Println(loop.Name(), "knows", a.Name, "-", a.Help)
	}
	// Output: c2d knows valve.open - opens a valve for a while
}
