package agent

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"fieldpost/board/boardsim"
	"fieldpost/c2d"
	"fieldpost/internal/diag"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// What happens in an agent reaches who follows it: readings and sensors by
// themselves, the rest as its parts tell it.
func TestEventsOfAnAgent(t *testing.T) {
	cfg := load(t, cabinet)
	bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{0x76: boardsim.NewBME280()})
	simulated := boardsim.New(boardsim.Options{Buses: []*boardsim.Bus{bus}})
	r := run(t, cfg, Parts{Buses: simulated, Lines: simulated})
	client := diag.NewClient(cfg.Agent.Socket)
	r.until("the socket", func() bool { _, err := client.Status(t.Context()); return err == nil })
	done := errors.New("seen all")
	seen := map[string]diag.Event{}
	err := client.Events(t.Context(), nil, func() {
		id := store.ID{Class: store.Telemetry, Seq: 7}
		told := r.parts.Watch
		told.Settled(uplink.Settlement{ID: id, Outcome: uplink.OutcomeAccepted})
		told.Settled(uplink.Settlement{ID: id, Outcome: uplink.OutcomeDead, Cause: errors.New("too large")})
		told.Settled(uplink.Settlement{ID: id, Outcome: uplink.OutcomeGivenBack})
		told.Command(c2d.Report{Step: c2d.StepReceive, MessageID: "m"}) // not told
		told.Command(c2d.Report{Step: c2d.StepSettle, MessageID: "m", Outcome: "rejected", Duration: time.Second})
		told.Link(uplink.LinkState{Phase: "dialing"})
		r.until("sensors ok", func() bool {
			return len(r.watch.history.report().Changes) > 0 && part(r.Status(), "sensors").State == diag.OK
		})
		bus.Unplug()
	}, func(ev diag.Event) error {
		empty := ev.Type == diag.EventQueue && ev.Queue.Depth == 0 // before the first reading
		if _, had := seen[ev.Type]; !had && !empty {
			seen[ev.Type] = ev
		}
		for _, want := range diag.EventTypes() {
			if _, had := seen[want]; !had {
				return nil
			}
		}
		return done
	})
	if !errors.Is(err, done) {
		t.Fatalf("%v; seen %v", err, seen)
	}
	if e := seen[diag.EventSettled].Settled; e.Accepted != 1 || e.Dead != 1 || e.Resent != 1 || len(e.MessageIDs) != 1 || e.Refused[0].Cause != "too large" {
		t.Errorf("settled %+v", e)
	}
	if e := seen[diag.EventCommand].Command; e.Step != "finished" || e.Outcome != "rejected" || e.DurationS != 1 {
		t.Errorf("command %+v", e)
	}
	if e := seen[diag.EventReading].Reading; e.Sensor == "" || e.MessageID == "" || len(e.Values) == 0 || e.At.IsZero() {
		t.Errorf("reading %+v", e)
	}
	if e := seen[diag.EventQueue].Queue; e.Depth == 0 || e.Bytes == 0 {
		t.Errorf("queue %+v", e)
	}
	h, err := client.History(t.Context())
	if err != nil || len(h.Changes) < len(diag.Order()) {
		t.Errorf("history %+v, %v", h, err)
	}
}

func TestHistoryForgetsTheOldest(t *testing.T) {
	h := newHistory(3)
	for i, state := range []string{"starting", "ok", "ok", "failing", "ok", "hung"} {
		h.look(diag.Change{UptimeS: float64(i)}, nil, []sensors.State{{Sensor: "s", Condition: state, Reason: fmt.Sprint(i)}})
	}
	got := h.report()
	if len(got.Changes) != 3 || got.Forgotten != 2 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []diag.Change{
		{Sensor: "s", State: "failing", Was: "ok", Reason: "3", UptimeS: 3},
		{Sensor: "s", State: "ok", Was: "failing", Reason: "4", UptimeS: 4},
		{Sensor: "s", State: "hung", Was: "ok", Reason: "5", UptimeS: 5},
	} {
		if got.Changes[i] != want {
			t.Errorf("change %d: %+v, want %+v", i, got.Changes[i], want)
		}
	}
}
