package c2d_test

import (
	"maps"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/hub"
	"fieldpost/internal/service"
)

// Every way a command can end, with every kind of feedback a sender can ask for.
func TestFeedbackMatrix(t *testing.T) {
	acks := []string{service.AckNone, service.AckPositive, service.AckNegative, service.AckFull}
	p := newPost(t, hub.Options{MaxDelivery: 2, RedeliverAfter: time.Millisecond})
	want := map[string]string{}
	send := func(id, ack, command string, expiry time.Time) {
		p.must(p.service.Send(p.ctx, service.C2D{
			DeviceID: deviceID, MessageID: id, Ack: ack, Properties: map[string]string{"command": command}, Expiry: expiry,
		}))
	}
	each := func(status, command string, expiry time.Time) {
		for _, ack := range acks {
			id := ack + " " + status
			send(id, ack, command, expiry)
			if ack == service.AckFull || ack == service.AckPositive && status == service.StatusSuccess || ack == service.AckNegative && status != service.StatusSuccess {
				want[id] = status
			}
		}
	}

	each(service.StatusPurged, "echo", time.Time{})
	if n, err := p.hub.PurgeQueue(deviceID); n != len(acks) || err != nil {
		t.Fatalf("%d purged, %v", n, err)
	}
	each(service.StatusExpired, "echo", time.Now().Add(-time.Second))
	a := p.agent(c2d.Options{Hold: time.Second}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo},
		c2d.Action{Name: "move", Target: func(c2d.Args) string { return "" }, Run: echo,
			Ready: func(c2d.Args) error { return &c2d.BusyError{Reason: "the valve is moving"} }})
	each(service.StatusSuccess, "echo", time.Time{})
	each(service.StatusRejected, "ecko", time.Time{})
	each(service.StatusDeliveryCountExceeded, "move", time.Time{})
	for left := 2 * len(acks); left > 0; {
		select {
		case r := <-a.reports:
			if r.Step == c2d.StepSettle && r.Outcome == "abandoned" {
				left--
			}
		case <-p.ctx.Done():
			t.Fatalf("%d releases are missing", left)
		}
	}
	send("last", service.AckFull, "echo", time.Time{}) // the hub makes its feedback after all other
	want["last"] = service.StatusSuccess

	got := map[string]string{}
	for got["last"] == "" {
		records, err := p.feedback.Next(p.ctx)
		p.must(err)
		for _, r := range records {
			if got[r.MessageID] != "" {
				t.Errorf("%s: told twice", r.MessageID)
			}
			got[r.MessageID] = r.Status
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the service is told\n%v\nwant\n%v", got, want)
	}
}
