//go:build linux && proof

package crash

import (
	"strings"
	"testing"
	"time"

	"fieldpost/store"
)

// TestClaims: each way in which a folder can contradict the marks is told.
func TestClaims(t *testing.T) {
	const a, b = "0102030405060708-1-2-1", "0102030405060708-1-2-2"
	told := []string{
		"appended 1 " + a + "=aa " + b + "=bb", "durable 1 " + a + "=aa " + b + "=bb",
		"begun 1 c-1-1-1", "done 1 c-1-1-1", "begun 1 c-1-2-1",
	}
	well := func() *finding {
		return &finding{Records: map[string]string{a: "aa", b: "bb"}, Commands: map[string]string{"c-1-1-1": "done", "c-1-2-1": "started"}}
	}
	acked := []string{"acking 1 " + a, "acked 1 1 " + a}
	for _, c := range []struct {
		name    string
		more    []string
		found   func(*finding)
		damaged bool
		want    string
	}{
		{name: "well"},
		{name: "gone", found: func(f *finding) { delete(f.Records, b) }, want: "lost: " + b},
		{name: "another content", found: func(f *finding) { f.Records[b] = "aa" }, want: "wrong: " + b},
		{name: "spoilt", found: func(f *finding) { f.Spoilt = []string{"x"} }, want: "wrong: x"},
		{name: "accepted", more: acked, found: func(f *finding) { delete(f.Records, a) }},
		{name: "accepted, comes again", more: acked},
		{name: "accepted and flushed, comes again", more: append(acked, "flushing 2", "flushed 3"), want: "redelivered too late: " + a},
		{name: "flushed before accepted", more: append([]string{"flushing 1"}, append(acked, "flushed 2")...)},
		{name: "two commits later", more: append(acked, "ready 3"), want: "redelivered too late: " + a},
		{name: "one commit later", more: append(acked, "ready 2")},
		{name: "twice in one run", more: append(acked, acked...), want: "fault: " + a},
		{name: "a dead letter", more: []string{"dying 1 " + a}, found: func(f *finding) { delete(f.Records, a); f.Dead = []string{a} }},
		{name: "a dead letter nobody made", found: func(f *finding) { f.Dead = []string{a} }, want: "fault: " + a},
		{name: "command new", found: func(f *finding) { f.Commands["c-1-2-1"] = "new" }, want: "forgotten: c-1-2-1"},
		{name: "command new, unsure", found: func(f *finding) {
			f.Commands["c-1-2-1"], f.Unsure = "new", map[string]bool{"c-1-2-1": true}
		}, want: "forgotten: c-1-2-1"},
		{name: "command new, unsure, after damage", damaged: true, found: func(f *finding) {
			f.Commands["c-1-2-1"], f.Unsure = "new", map[string]bool{"c-1-2-1": true}
		}},
		{name: "outcome forgotten", found: func(f *finding) { f.Commands["c-1-1-1"] = "started" }, want: "forgotten: c-1-1-1"},
		{name: "agent's fault", more: []string{"fault: 1 it"}, want: "fault: fault: 1 it"},
		{name: "judge's fault", found: func(f *finding) { f.Faults = []string{"it"} }, want: "fault: it"},
	} {
		cl, f := newClaims(), well()
		for _, m := range append(append([]string(nil), told...), c.more...) {
			cl.mark(m)
		}
		if c.found != nil {
			c.found(f)
		}
		cl.ended(time.Now(), time.Second)
		got := strings.Join(cl.compare(f, c.damaged).bad(), "; ")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestOrder: one cursor goes forward only, two may take turns.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		seqs string
		two  bool
		good bool
	}{{"123", false, true}, {"132", false, false}, {"1526", true, true}, {"15263", true, true}, {"152631", true, false}, {"11", false, false}} {
		o, good := order{two: c.two}, true
		for _, s := range c.seqs {
			good = o.next(store.ID{Epoch: 1, Seq: uint64(s - '0')}) == "" && good
		}
		if good != c.good {
			t.Errorf("%s, two=%v: good=%v", c.seqs, c.two, good)
		}
	}
}
