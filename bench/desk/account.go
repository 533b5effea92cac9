package desk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// classes are the names of the numbers in a message-id.
var classes = []string{"alarm", "result", "telemetry", "debug"}

// Account is what became of the records of one life of an agent.
type Account struct {
	Produced   int // records that were given an id
	Delivered  int // of these at the hub, each counted once
	Kept       int // of these still in the queue, or dead letters, and not at the hub
	Duplicates int // arrivals of a message-id beyond its first
	Disorder   int // first arrivals behind a later record of their class
	Missing    []string
	Strange    []string // message-ids that this agent cannot have given
}

// Lost is how many records are neither at the hub nor kept.
func (a Account) Lost() int { return len(a.Missing) }

// Settle compares what an agent produced, by class, with the message-ids that
// arrived, in order, and those that its store still has. Sequence numbers begin at
// 1 in each class and have no gaps, so what was produced is known by its count.
func Settle(produced map[string]uint64, arrived, kept []string) (Account, error) {
	var a Account
	seen, stored := map[string]int{}, map[string]bool{}
	newest := map[string]uint64{}
	top := map[string]uint64{}
	life := ""
	read := func(id string) (class string, seq uint64, ok bool) {
		at, class, seq, err := parse(id)
		if err != nil || life != "" && at != life {
			a.Strange = append(a.Strange, id)
			return "", 0, false
		}
		life = at
		top[class] = max(top[class], seq)
		return class, seq, true
	}
	for _, id := range arrived {
		class, seq, ok := read(id)
		if !ok {
			continue
		}
		if seen[id]++; seen[id] > 1 {
			a.Duplicates++
			continue
		}
		if seq < newest[class] {
			a.Disorder++
		}
		newest[class] = max(newest[class], seq)
	}
	for _, id := range kept {
		if _, _, ok := read(id); ok {
			stored[id] = true
		}
	}
	if life == "" {
		return a, fmt.Errorf("no record of the agent was found anywhere")
	}
	for number, class := range classes {
		n := max(produced[class], top[class])
		a.Produced += int(n)
		for seq := uint64(1); seq <= n; seq++ {
			id := fmt.Sprintf("%s-%d-%d", life, number, seq)
			switch {
			case seen[id] > 0:
				a.Delivered++
			case stored[id]:
				a.Kept++
			default:
				a.Missing = append(a.Missing, id)
			}
		}
	}
	slices.Sort(a.Strange)
	return a, nil
}

// parse reads <store>-<epoch>-<class>-<seq>.
func parse(id string) (life, class string, seq uint64, err error) {
	f := strings.Split(id, "-")
	if len(f) != 4 || len(f[0]) != 16 {
		return "", "", 0, fmt.Errorf("%q is no message-id of an agent", id)
	}
	number, err := strconv.ParseUint(f[2], 10, 8)
	if err != nil || number >= uint64(len(classes)) {
		return "", "", 0, fmt.Errorf("%q has no class of ours", id)
	}
	seq, err = strconv.ParseUint(f[3], 10, 64)
	if err != nil || seq == 0 {
		return "", "", 0, fmt.Errorf("%q has no sequence number", id)
	}
	return f[0] + "-" + f[1], classes[number], seq, nil
}
