package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

// tailTypes is what tail shows when nobody says: the depth of the queue every
// second would hide the rest.
var tailTypes = slices.DeleteFunc(diag.EventTypes(), func(t string) bool { return t == diag.EventQueue })

// reconnectEvery is the time between two looks for an agent that was there.
const reconnectEvery = time.Second

func runTail(ctx context.Context, e env, args []string) int {
	f := flags(e, "tail")
	to := addressed(f)
	types := f.String("types", strings.Join(tailTypes, ","), "`types` of events to show, of "+strings.Join(diag.EventTypes(), ","))
	sensor := f.String("sensor", "", "only what is about the sensor of this `name`")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	wanted := strings.Split(*types, ",")
	for _, t := range wanted {
		if err := diag.CheckEventType(t); err != nil {
			return misused(e, f, err.Error())
		}
	}
	if *sensor != "" {
		wanted = []string{diag.EventReading, diag.EventSensor}
	}
	client := to.client()
	return follow(ctx, e, client, true, func(opened func()) error {
		if *sensor != "" {
			if err := hasSensor(ctx, client, *sensor); err != nil {
				return err
			}
		}
		return client.Events(ctx, wanted, opened, func(ev diag.Event) error {
			switch {
			case *sensor != "" && ev.About() != *sensor && ev.Type != diag.EventDropped:
				return nil
			case *to.json:
				return json.NewEncoder(e.out).Encode(ev)
			}
			return diag.WriteEvent(e.out, ev)
		})
	})
}

// hasSensor is an error when the agent has no sensor of that name: nothing would ever
// come of it.
func hasSensor(ctx context.Context, c *diag.Client, name string) error {
	answer, err := c.Sensors(ctx)
	if err != nil {
		return err
	}
	var there []string
	for _, s := range answer.Sensors {
		there = append(there, s.Name)
	}
	if !slices.Contains(there, name) {
		return diag.NoSensor(name, there)
	}
	return nil
}

func runLog(ctx context.Context, e env, args []string) int {
	f := flags(e, "log")
	socket := f.String("socket", defaultSocket, "the agent's `path`")
	q := diag.LogQuery{}
	f.IntVar(&q.Lines, "n", 100, "how `many` lines of what was logged before")
	f.StringVar(&q.Level, "level", "", "least `level` to show: "+strings.Join(config.LogLevels(), ", "))
	f.BoolVar(&q.Follow, "f", false, "go on with what is logged from now on")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	switch {
	case q.Level != "" && !slices.Contains(config.LogLevels(), q.Level):
		return misused(e, f, fmt.Sprintf("no level %q", q.Level))
	case q.Lines < 0 || q.Lines > diag.MaxLines:
		return misused(e, f, fmt.Sprintf("-n %d is not from 0 to %d", q.Lines, diag.MaxLines))
	}
	client := diag.NewClient(*socket)
	return follow(ctx, e, client, q.Follow, func(opened func()) error {
		return client.Log(ctx, q, opened, func(line []byte) error { return diag.WriteLine(e.out, line) })
	})
}

// follow has something followed until ctx ends, over restarts of the agent.
func follow(ctx context.Context, e env, c *diag.Client, endless bool, once func(opened func()) error) int {
	met, gone := false, false
	for {
		err := once(func() {
			if gone {
				fmt.Fprintf(e.err, "agent at %s is back\n", c.Path)
			}
			met, gone = true, false
		})
		var answer *diag.AnswerError
		var unwritten *diag.TakeError
		switch {
		case ctx.Err() != nil, err == nil && !endless:
			return exitOK
		case errors.As(err, &unwritten):
			return fail(e, exitFailure, err, "")
		case !met || !endless || errors.As(err, &answer):
			return unanswered(e, err)
		case !gone:
			fmt.Fprintf(e.err, "agent at %s has gone; waiting for it to come back\n", c.Path)
			gone = true
		}
		select {
		case <-ctx.Done():
			return exitOK
		case <-time.After(reconnectEvery):
		}
	}
}

func runLogLevel(ctx context.Context, e env, args []string) int {
	f := flags(e, "loglevel")
	to := addressed(f)
	while := f.Duration("for", 0, "`time` after which the configured level is set again, 1s to 24h; 0s is never")
	words, code, ok := parseArguments(e, f, args)
	switch {
	case !ok:
		return code
	case len(words) > 1 || len(words) == 1 && !slices.Contains(config.LogLevels(), words[0]):
		return misused(e, f, "name one level of "+strings.Join(config.LogLevels(), ", "))
	case *while != 0 && (len(words) == 0 || *while < time.Second || *while > diag.MaxLevelForS*time.Second):
		return misused(e, f, "--for goes with a level, and is from 1s to 24h")
	}
	if len(words) == 0 {
		level, err := to.client().LogLevel(ctx)
		return show(e, to, level, err, func(w io.Writer) error { return diag.WriteLogLevel(w, level) })
	}
	level, err := to.client().SetLogLevel(ctx, diag.SetLogLevel{Level: words[0], ForS: while.Seconds()})
	return show(e, to, level, err, func(w io.Writer) error { return diag.WriteLogLevel(w, level) })
}
