//go:build linux && proof

package crash

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"fieldpost/store"
)

// claims is what the marks of agents say: what must be there, what may be, and
// what must not come again.
type claims struct {
	appended map[string]string // ID to checksum
	durable  map[string]string // ID to checksum
	acking   map[string]bool   // Ack was called, or is about to be
	acked    map[string]ack    // Ack has returned
	settled  map[string]bool   // … and a commit that began later was made
	dying    map[string]bool   // Dead was called: a dead letter, or queued still
	begun    map[string]bool   // message-ids of commands; true when finished
	flushing []string          // acked when the running Flush was called
	run      int               // of the agent
	commits  uint64            // of the running agent, as last printed
	marks    int
	again    int           // accepted, and came again
	oldest   time.Duration // of these, the longest from Ack to the end of the agent
	late     []string      // came again although settled
	faults   []string
}

// ack is when a record was settled.
type ack struct {
	run     int
	at      time.Time
	commits uint64
	ago     time.Duration // from there to the end of the agent, once that is known
}

func newClaims() *claims {
	return &claims{
		appended: make(map[string]string), durable: make(map[string]string), acking: make(map[string]bool), acked: make(map[string]ack), settled: make(map[string]bool),
		dying: make(map[string]bool), begun: make(map[string]bool),
	}
}

// ended closes the run of one agent, which waited for a commit every so long. One
// commit may be under way when a record is settled; the second after it must tell.
func (c *claims) ended(at time.Time, every time.Duration) {
	for id, a := range c.acked {
		if a.run != c.run {
			continue
		}
		a.ago = at.Sub(a.at)
		c.acked[id] = a
		if c.commits >= a.commits+2 && a.ago > 2*every {
			c.settled[id] = true
		}
	}
	c.run++
	c.flushing, c.commits = nil, 0
}

// mark adds one line of an agent. Its first two words are what it is and how many
// commits the agent had made by then.
func (c *claims) mark(line string) {
	words := strings.Fields(line)
	if len(words) < 2 {
		c.faults = append(c.faults, fmt.Sprintf("mark %q", line))
		return
	}
	rest := words[2:]
	n, err := strconv.ParseUint(words[1], 10, 64)
	if err != nil {
		c.faults = append(c.faults, fmt.Sprintf("mark %q", line))
		return
	}
	c.marks++
	c.commits = max(c.commits, n)
	switch words[0] {
	case "appended", "durable":
		into := c.appended
		if words[0] == "durable" {
			into = c.durable
		}
		for _, w := range rest {
			id, sum, _ := strings.Cut(w, "=")
			into[id] = sum
		}
	case "acking":
		for _, id := range rest {
			if a, ok := c.acked[id]; ok && a.run == c.run {
				c.faults = append(c.faults, id+" was handed out again by the process that had settled it")
			}
			c.came(id)
			c.acking[id] = true
		}
	case "acked":
		at, _ := strconv.ParseInt(rest[0], 10, 64)
		for _, id := range rest[1:] {
			c.acked[id] = ack{run: c.run, at: time.Unix(0, at), commits: n}
		}
	case "dying":
		c.dying[rest[0]] = true
	case "flushing":
		c.flushing = c.flushing[:0]
		for id, a := range c.acked {
			if a.run == c.run {
				c.flushing = append(c.flushing, id)
			}
		}
	case "flushed":
		for _, id := range c.flushing {
			c.settled[id] = true
		}
		c.flushing = nil
	case "begun":
		if _, told := c.begun[rest[0]]; !told {
			c.begun[rest[0]] = false
		}
	case "done":
		c.begun[rest[0]] = true
	case "ready", "stopped":
	default:
		c.faults = append(c.faults, line)
	}
}

// came notes that a record was handed out.
func (c *claims) came(id string) {
	a, acked := c.acked[id]
	if acked && a.run != c.run {
		c.again++
		c.oldest = max(c.oldest, a.ago)
	}
	if c.settled[id] {
		c.late = append(c.late, fmt.Sprintf("%s, settled %v before the end", id, a.ago))
	}
}

// clone is a copy to go on from.
func (c *claims) clone() *claims {
	d := *c
	d.appended, d.durable, d.acking, d.acked = maps.Clone(c.appended), maps.Clone(c.durable), maps.Clone(c.acking), maps.Clone(c.acked)
	d.settled, d.dying, d.begun = maps.Clone(c.settled), maps.Clone(c.dying), maps.Clone(c.begun)
	d.flushing = append([]string(nil), c.flushing...)
	return &d
}

// verdict is the comparison of claims with what a judge found.
type verdict struct {
	lost   []string // durable, and did not come
	came   int      // durable, and came
	wrong  []string // came with another content
	late   []string // came although settled
	forgot []string // commands the journal knows too little of
	unsure int      // commands the journal is not sure of
	faults []string // everything else
}

func (v *verdict) bad() []string {
	var all []string
	add := func(name string, list []string) {
		if len(list) > 0 {
			all = append(all, name+": "+few(list))
		}
	}
	add("lost", v.lost)
	add("wrong", v.wrong)
	add("redelivered too late", v.late)
	add("forgotten", v.forgot)
	add("fault", v.faults)
	return all
}

// compare judges what was found. After damage the journal may say that it is not
// sure of a command.
func (c *claims) compare(f *finding, damaged bool) *verdict {
	for id := range f.Records {
		c.came(id)
	}
	v := &verdict{wrong: f.Spoilt, late: c.late, faults: append(append([]string(nil), c.faults...), f.Faults...)}
	dead := make(map[string]bool)
	for _, id := range f.Dead {
		dead[id] = true
	}
	for id := range c.durable {
		_, came := f.Records[id]
		switch {
		case !came && !dead[id] && !c.acking[id]:
			v.lost = append(v.lost, id)
		case !c.acking[id]:
			v.came++
		}
	}
	for id, got := range f.Records {
		if sum, ok := c.appended[id]; ok && got != sum {
			v.wrong = append(v.wrong, fmt.Sprintf("%s: checksum %s, appended was %s", id, got, sum))
		}
	}
	for id := range dead {
		if !c.dying[id] {
			v.faults = append(v.faults, id+" is a dead letter, nobody refused it")
		}
	}
	for id, done := range c.begun {
		known := store.PhaseStarted.String()
		if done {
			known = store.PhaseDone.String()
		}
		switch phase := f.Commands[id]; {
		case damaged && f.Unsure[id] && phase != known:
			v.unsure++
		case phase == "", phase == store.PhaseNew.String():
			v.forgot = append(v.forgot, id)
		case done && phase != store.PhaseDone.String():
			v.forgot = append(v.forgot, id+" was done and is "+phase)
		}
	}
	return v
}

// taken forgets what the judge has taken out and settled: none of it may come again.
func (c *claims) taken(f *finding) {
	for id := range f.Records {
		c.settled[id] = true
	}
	for id := range c.acked {
		c.settled[id] = true
	}
	clear(c.appended)
	clear(c.durable)
	clear(c.acked)
	clear(c.acking)
	c.late, c.faults = nil, nil
}
