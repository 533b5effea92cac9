package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fieldpost/c2d"
	"fieldpost/store"
)

// demoSummary is the last thing the demo says.
type demoSummary struct {
	OK          bool              `json:"ok"`
	Interrupted bool              `json:"interrupted,omitempty"`
	Problems    []string          `json:"problems,omitempty"`
	Produced    uint64            `json:"produced"`
	Delivered   uint64            `json:"delivered"` // distinct message-ids that the service side read from the hub's log
	Queued      uint64            `json:"queued"`
	Dead        uint64            `json:"dead"`
	Lost        map[string]uint64 `json:"lost"`
	Refused     uint64            `json:"refused"`
	Duplicates  int               `json:"duplicates"`
	Commands    map[string]int    `json:"commands"`
}

// command prints a step of a command and counts its settlements.
func (d *demo) command(r c2d.Report) {
	if r.Step == c2d.StepReceive {
		return
	}
	d.show.command(r)
	if r.Step == c2d.StepSettle && r.Outcome != "" {
		d.facts.update(func() { d.facts.settlements[r.MessageID] = append(d.facts.settlements[r.MessageID], r.Outcome) })
	}
}

func (d *demo) abandoned(id string) (n int) {
	d.facts.look(func() {
		for _, outcome := range d.facts.settlements[id] {
			if outcome == "abandoned" {
				n++
			}
		}
	})
	return n
}

func delivered(s store.Stats) int {
	var n uint64
	for _, c := range s.PerClass {
		n += c.Delivered
	}
	return int(n)
}

// sum counts, holds the agent's books against what the service side has read,
// and finds every step that went wrong.
func (d *demo) sum(scriptErr error) demoSummary {
	stats := d.agent.Stats()
	s := demoSummary{Lost: map[string]uint64{}, Refused: stats.Refused, Commands: map[string]int{}}
	var lost uint64
	for _, c := range stats.PerClass {
		s.Produced += c.Produced
		s.Queued += c.Queued
		s.Dead += c.Dead
		lost += c.Lost
	}
	maps.Copy(s.Lost, stats.LostByReason)
	d.facts.look(func() {
		s.Delivered = uint64(len(d.facts.delivered))
		s.Duplicates = d.facts.duplicates
		for _, outcomes := range d.facts.settlements {
			for _, o := range outcomes {
				s.Commands[o]++
			}
		}
	})
	for _, err := range flatten(scriptErr) {
		s.Problems = append(s.Problems, err.Error())
	}
	if acked := uint64(delivered(stats)); acked != s.Delivered {
		s.Problems = append(s.Problems, fmt.Sprintf("the agent's store counts %d accepted records, the service side has read %d", acked, s.Delivered))
	}
	if s.Produced != s.Delivered+s.Queued+s.Dead+lost {
		s.Problems = append(s.Problems, fmt.Sprintf("the equation fails: produced %d ≠ delivered %d + queued %d + dead %d + lost %d",
			s.Produced, s.Delivered, s.Queued, s.Dead, lost))
	}
	s.OK = len(s.Problems) == 0
	return s
}

func flatten(err error) []error {
	var many interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &many):
		return many.Unwrap()
	default:
		return []error{err}
	}
}

func (p *demoPrinter) summary(s demoSummary) {
	if p.json {
		fields := map[string]any{}
		_ = json.Unmarshal(mustJSON(s), &fields)
		p.say("summary", fields, "")
		return
	}
	var lost uint64
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(s.Lost)) {
		lost += s.Lost[reason]
		reasons = append(reasons, fmt.Sprintf("%s %d", reason, s.Lost[reason]))
	}
	var commands []string
	for _, outcome := range slices.Sorted(maps.Keys(s.Commands)) {
		commands = append(commands, fmt.Sprintf("%s %d", outcome, s.Commands[outcome]))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, `
summary
  produced     %5d   records the agent gave an id
  delivered    %5d   distinct message-ids the service side read from the hub
  still queued %5d
  dead letters %5d
  lost         %5d   %s
  refused      %5d
  duplicates   %5d   by message-id
  commands             %s
`, s.Produced, s.Delivered, s.Queued, s.Dead, lost, strings.Join(reasons, ", "), s.Refused, s.Duplicates, strings.Join(commands, ", "))
	sign := "="
	if s.Produced != s.Delivered+s.Queued+s.Dead+lost {
		sign = "≠"
	}
	fmt.Fprintf(p.out, "  produced %d %s delivered %d + queued %d + dead %d + lost %d\n", s.Produced, sign, s.Delivered, s.Queued, s.Dead, lost)
	switch {
	case !s.OK:
		fmt.Fprintln(p.out, "\nFAILED")
		for _, problem := range s.Problems {
			fmt.Fprintln(p.out, "  "+problem)
		}
	case s.Interrupted && lost > 0:
		fmt.Fprintf(p.out, "\ninterrupted; %d records are lost, the reasons stand above\n", lost)
	case s.Interrupted:
		fmt.Fprintln(p.out, "\ninterrupted; nothing was lost")
	default:
		fmt.Fprintln(p.out, "\nevery step went well and every record is accounted for")
	}
}
