package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/diag"
	"fieldpost/internal/service"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// demoPrinter tells what happens, one line each: for a person, or as JSON
// objects {t, step, …} for a program. It may be used by many goroutines.
type demoPrinter struct {
	mu    sync.Mutex
	out   io.Writer
	gone  func() // called when nobody takes the output any more
	json  bool
	began time.Time
	phase string // of the link, as last said
}

func newDemoPrinter(out io.Writer, asJSON bool, gone func()) *demoPrinter {
	return &demoPrinter{out: out, json: asJSON, gone: gone, began: time.Now()}
}

// say prints one step. Fields are only for programs; text is only for people.
func (p *demoPrinter) say(step string, fields map[string]any, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := time.Since(p.began).Seconds()
	line := fmt.Sprintf("%6.1fs  %-8s  %s\n", t, step, text)
	if p.json {
		line = fmt.Sprintf(`{"t":%.3f,"step":%q`, t, step)
		if rest := mustJSON(fields); len(fields) > 0 {
			line += "," + string(rest[1:len(rest)-1])
		}
		line += "}\n"
	}
	if _, err := io.WriteString(p.out, line); err != nil {
		p.gone()
	}
}

func (p *demoPrinter) hub(addr, device string) {
	p.say("hub", map[string]any{"listen": addr, "device": device},
		"a local IoT hub listens on "+addr+" (TLS, its own CA); device "+device+" is registered")
}

func (p *demoPrinter) reading(r sensors.Reading, t store.Ticket) {
	id := t.IDs()[0].String()
	values := map[string]any{}
	var text []string
	for _, v := range r.Values {
		if v.Quality == sensors.Bad {
			text = append(text, v.Name+" bad ("+v.Reason+")")
			continue
		}
		values[v.Name] = v.Num
		text = append(text, v.Name+" "+diag.Value{Value: diag.Number(v.Num), Unit: v.Unit}.Text())
	}
	p.say("reading", map[string]any{"id": id, "sensor": r.Sensor, "values": values},
		shortID(id)+"  "+r.Sensor+": "+strings.Join(text, ", "))
}

func (p *demoPrinter) settled(s uplink.Settlement) {
	fields := map[string]any{"id": s.ID.String(), "outcome": s.Outcome}
	text := shortID(s.ID.String()) + "  " + s.Outcome
	if s.Cause != nil {
		fields["reason"] = s.Cause.Error()
		text += ": " + s.Cause.Error()
	}
	p.say("settled", fields, text)
}

func (p *demoPrinter) event(e service.Event) {
	p.say("event", map[string]any{
		"id": e.MessageID, "device": e.DeviceID, "partition": e.Partition, "sequence": e.SequenceNumber,
		"enqueued": e.Enqueued.UTC(), "properties": e.Properties, "body": raw(e.Body),
	}, fmt.Sprintf("%s  %s, partition %s, enqueued %s  %s  %s", shortID(e.MessageID), e.DeviceID, e.Partition,
		diag.Instant(e.Enqueued), properties(e.Properties), clip(string(e.Body), 100)))
}

func (p *demoPrinter) sent(id, name string, args map[string]any) {
	p.say("command", map[string]any{"id": id, "command": name, "args": args, "state": "sent"},
		id+"  service sends "+name+" "+string(raw(mustJSON(args))))
}

func (p *demoPrinter) command(r c2d.Report) {
	fields := map[string]any{"id": r.MessageID, "command": r.Name, "state": string(r.Step)}
	text := r.MessageID + "  agent: " + r.Name + " " + string(r.Step)
	if r.Outcome != "" {
		fields["state"], fields["outcome"] = "settled", r.Outcome
		text = r.MessageID + "  agent: " + r.Name + " " + r.Outcome
	}
	if r.Reason != "" {
		fields["reason"] = r.Reason
		text += ": " + r.Reason
	}
	p.say("command", fields, text)
}

func (p *demoPrinter) feedback(r service.FeedbackRecord) {
	p.say("feedback", map[string]any{"id": r.MessageID, "device": r.DeviceID, "status": r.Status},
		r.MessageID+"  the sender is told: "+r.Status)
}

func (p *demoPrinter) link(what string, queued uint64) {
	p.say("link", map[string]any{"state": what, "queued": queued}, fmt.Sprintf("%s (%d queued)", what, queued))
}

// linkState prints a state of the agent's link when it says something new.
func (p *demoPrinter) linkState(s uplink.LinkState, queued uint64) {
	text := s.Phase
	if s.Phase == uplink.PhaseWaiting && s.LastError != "" {
		text += ": " + s.LastError
	}
	if !s.NextAttempt.IsZero() {
		text += "; next attempt in " + diag.Span(time.Until(s.NextAttempt))
	}
	p.mu.Lock()
	same := p.phase == s.Phase
	p.phase = s.Phase
	p.mu.Unlock()
	if same {
		return
	}
	p.say("link", map[string]any{"state": s.Phase, "reason": s.LastError, "queued": queued},
		fmt.Sprintf("agent: %s (%d queued)", text, queued))
}

// shortID leaves out the store, which is the same for every record of a run.
func shortID(id string) string {
	if _, rest, ok := strings.Cut(id, "-"); ok {
		return "…" + rest
	}
	return id
}

func properties(props map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(props)) {
		parts = append(parts, k+"="+props[k])
	}
	return strings.Join(parts, " ")
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + "…"
}

// raw passes JSON through and makes a string of anything else.
func raw(b []byte) json.RawMessage {
	if json.Valid(b) {
		return b
	}
	return mustJSON(string(b))
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}
