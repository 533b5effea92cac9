package c2d

import (
	"fmt"
	"slices"
	"strings"
)

// table is what this gateway knows and what it allows.
type table struct {
	actions []Action            // sorted by name
	allow   map[string][]string // names by door
}

// lists names the setting that allows commands, by door.
var lists = map[string]string{DoorDevicebound: "allow", DoorMethods: "allow_methods", DoorLocal: "allow_local"}

func (t *table) names() []string {
	names := make([]string, len(t.actions))
	for i := range t.actions {
		names[i] = t.actions[i].Name
	}
	return names
}

// find returns the action called name, or why the command is rejected.
func (t *table) find(name, door string) (*Action, *RejectError) {
	i := slices.IndexFunc(t.actions, func(a Action) bool { return a.Name == name })
	if i < 0 {
		names := t.names()
		known := "none"
		if len(names) > 0 {
			known = strings.Join(names, ", ")
		}
		return nil, &RejectError{ConditionNotFound,
			fmt.Sprintf("unknown command %s%s; known: %s", quote(name), didYouMean(name, names), known)}
	}
	if !slices.Contains(t.allow[door], name) {
		return nil, &RejectError{ConditionNotAllowed, fmt.Sprintf("command %q is not allowed on this gateway (door %s): its configuration would name it in commands.%s", name, door, lists[door])}
	}
	return &t.actions[i], nil
}

// dry is the action that tells what a would do.
func (a *Action) dry() *Action {
	return &Action{
		Name: a.Name, Args: a.Args, Repeat: Repeatable, Run: a.DryRun,
		Target: func(Args) string { return "" },
	}
}

// target asks the action what it acts upon.
func (a *Action) target(args Args) (target string, reject *RejectError) {
	if a.Target == nil {
		return a.Name, nil
	}
	defer func() {
		if p := recover(); p != nil {
			target, reject = "", &RejectError{ConditionFailed, fmt.Sprintf("finding the target failed: panic: %v", p)}
		}
	}()
	return a.Target(args), nil
}

// didYouMean names the candidate nearest to word, if one is near.
func didYouMean(word string, candidates []string) string {
	if len(word) > maxShown {
		return ""
	}
	best, at := max(2, len(word)/3)+1, ""
	for _, c := range candidates {
		if d := distance(word, c); d < best {
			best, at = d, c
		}
	}
	if at == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", at)
}

// distance is the number of single bytes to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
