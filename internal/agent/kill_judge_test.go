//go:build linux

package agent

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fieldpost/c2d"
	"fieldpost/internal/service"
	"fieldpost/store"
)

// verdict is what came of the commands of one row.
type verdict struct {
	door                string
	point               string
	kills, lives        int
	commands, begun     int
	effects             int // of once
	onceCompleted       int
	doubles             int // more than one effect, of any but repeatable
	repeated            int // more than one effect, of repeatable
	completed, rejected int
	feedback            int
	results, again      int
	faults              []string
}

const verdictHead = "door\tpoint\tkills\tlives\tcommands\tbegun\teffects of once\tdouble\trepeated\tcompleted\trejected\tfeedback\tresults\tagain\tverdict\n"

func (v verdict) String() string {
	word := "proven"
	if len(v.faults) > 0 {
		word = fmt.Sprintf("%d FAULTS", len(v.faults))
	}
	return fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", v.door, v.point, v.kills, v.lives, v.commands, v.begun,
		v.effects, v.doubles, v.repeated, v.completed, v.rejected, v.feedback, v.results, v.again, word)
}

func (v *verdict) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// judge holds effects, results, feedback and answers against each other and
// against the journal of the gateway that has come to rest.
func (s *sender) judge(journal []store.JournalEntry, effects []string) (v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v = verdict{door: s.door, commands: len(s.sent), begun: len(journal), again: s.again}
	count := map[string]int{}
	for _, n := range effects {
		count[n]++
	}
	ended := s.judgeResults(&v, journal)
	for _, n := range s.sent {
		action, _, _ := strings.Cut(n, "-")
		switch {
		case action == "repeatable" && count[n] > 1:
			v.repeated++
		case count[n] > 1:
			v.doubles++
			v.fault("%s: %d effects", n, count[n])
		}
		if action == "once" {
			v.effects += count[n]
		}
		if action == "once" && ended[n] {
			v.onceCompleted++
		}
		if ended[n] && count[n] == 0 {
			v.fault("%s: completed without an effect", n)
		}
	}
	if s.door == c2d.DoorMethods {
		s.judgeAnswers(&v, count)
	} else {
		s.judgeFeedback(&v)
	}
	return v
}

// judgePoint demands what has to become of an action that may happen once and
// whose process ended at a point. What was not begun then runs later, and may meet
// the end of another's process.
func (v *verdict) judgePoint(point c2d.Point, kills, rounds int) {
	if want := rounds * len(counted); kills != want {
		v.fault("%d kills, want %d", kills, want)
	}
	want, known := map[c2d.Point]struct{ effects, completed int }{
		c2d.PointBegun: {0, 0}, c2d.PointEffectBegun: {0, 0}, c2d.PointEffectDone: {1, 0}, c2d.PointFinished: {1, 1}, c2d.PointSettled: {1, 1},
	}[point]
	if known && (v.effects != want.effects*rounds || v.onceCompleted != want.completed*rounds) {
		v.fault("once: %d effects, %d completed in %d rounds", v.effects, v.onceCompleted, rounds)
	}
}

// judgeResults demands one result for each command in the journal, with its
// outcome, and no other. It returns what was completed.
func (s *sender) judgeResults(v *verdict, journal []store.JournalEntry) (ended map[string]bool) {
	ended = map[string]bool{}
	known := map[string]bool{}
	for _, e := range journal {
		id := e.Command.MessageID
		known[id] = true
		got := s.results[id]
		if len(got) != 1 {
			v.fault("%s %s: %d results", e.Command.Name, id, len(got))
			continue
		}
		outcome, _ := got[0].Properties["outcome"].(string)
		if outcome != e.Outcome.Verdict.String() {
			v.fault("%s %s: the result says %s, the journal %s", e.Command.Name, id, outcome, e.Outcome.Verdict)
		}
		var body struct{ Result, Condition string }
		if err := json.Unmarshal(got[0].Body, &body); err != nil {
			v.fault("%s %s: result %s: %v", e.Command.Name, id, got[0].Body, err)
		}
		switch {
		case outcome == "completed":
			v.completed++
			if !slices.Contains(s.sent, body.Result) || ended[body.Result] {
				v.fault("%s %s: result of %q, which was not sent or has one", e.Command.Name, id, body.Result)
			}
			ended[body.Result] = true
		case body.Condition != c2d.ConditionInterrupted:
			v.fault("%s %s: rejected: %s", e.Command.Name, id, got[0].Body)
		case s.door == c2d.DoorDevicebound && e.Command.Name != "once":
			v.fault("%s %s: interrupted, and it may run again", e.Command.Name, id)
		default:
			v.rejected++
		}
	}
	for id, got := range s.results {
		v.results += len(got)
		if !known[id] {
			v.fault("%s: a result, and not in the journal", id)
		}
	}
	return ended
}

// judgeFeedback demands one record for each message, which says what its result says.
func (s *sender) judgeFeedback(v *verdict) {
	if v.begun != v.commands {
		v.fault("%d of %d commands are in the journal", v.begun, v.commands)
	}
	for _, n := range s.sent {
		v.feedback += len(s.feedback[n])
		want := service.StatusRejected
		if got := s.results[n]; len(got) > 0 && got[0].Properties["outcome"] == "completed" {
			want = service.StatusSuccess
		}
		if !slices.Equal(s.feedback[n], []string{want}) {
			v.fault("%s: feedback %v, want one %s", n, s.feedback[n], want)
		}
	}
}

// judgeAnswers demands that callers were told what the result says. A method whose
// link broke before it was begun has had no effect.
func (s *sender) judgeAnswers(v *verdict, count map[string]int) {
	v.feedback = len(s.answers)
	if len(s.answers)+len(s.unheard) != len(s.sent) {
		v.fault("%d calls, %d answers, %d without one", len(s.sent), len(s.answers), len(s.unheard))
	}
	if len(count) > v.begun {
		v.fault("%d commands had an effect, %d are in the journal", len(count), v.begun)
	}
	for _, a := range s.answers {
		got := s.results[a.MessageID]
		if len(got) != 1 || got[0].Properties["outcome"] != a.Outcome {
			v.fault("%s: the caller was told %q, results %v", a.MessageID, a.Outcome, got)
		}
	}
}
