package hub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func TestFaultyDetach(t *testing.T) {
	for line, want := range map[string]amqp.Error{
		"busy":                                 {Condition: "amqp:link:detach-forced", Description: "Server Busy. Please retry operation"},
		"busy condition=com.microsoft:timeout": {Condition: "com.microsoft:timeout"},
		`detach condition=x:y description="Go away."`: {Condition: "x:y", Description: "Go away."},
		"steal telemetry":              {Condition: "amqp:link:stolen", Description: "400027"},
		"steal telemetry how=internal": {Condition: "amqp:internal-error", Description: "Another AMQP Client has opened a Receive Link"},
		"detach telemetry device=dev1 condition=amqp:link:stolen": {Condition: "amqp:link:stolen"},
	} {
		faulty(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			s := d.sender(telemetryAddress("dev1"))
			d.accepted(s, text("before"))
			id := r.inject(line)
			r.struck(id, 1)
			var gone *amqp.LinkError
			if err := s.Send(r.ctx, text("x"), nil); !errors.As(err, &gone) || gone.RemoteErr == nil ||
				gone.RemoteErr.Condition != want.Condition || !strings.Contains(gone.RemoteErr.Description, want.Description) {
				t.Errorf("%s: %v", line, err)
			}
			d.accepted(d.sender(telemetryAddress("dev1")), text("after"))
		})
	}
}

// An event without anyone to strike waits for the first who comes.
func TestFaultyDetachWaitsForALink(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		rc := d.receiver(deviceboundAddress("dev1"), nil)
		_, err := rc.Receive(r.ctx, nil)
		r.wantCondition(err, "amqp:link:stolen")
		rc = d.receiver(deviceboundAddress("dev1"), nil)
		ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
		defer cancel()
		if _, err := rc.Receive(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second link: %v", err)
		}
		r.struck(1, 1)
	}, "steal")
}

func TestFaultyDetachAfterMessages(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		for range 2 {
			s := d.sender(telemetryAddress("dev1"))
			if got := d.outcomes(s, 2); got != "aa" {
				t.Fatalf("outcomes %s", got)
			}
			r.wantCondition(s.Send(r.ctx, text("x"), nil), "amqp:link:detach-forced")
		}
		s := d.sender(telemetryAddress("dev1"))
		if got := d.outcomes(s, 5); got != "aaaaa" {
			t.Errorf("outcomes %s once it is over", got)
		}
		if n := r.hub.EventCount(); n != 9 {
			t.Errorf("%d events, want those that were answered", n)
		}
	}, "busy every=3 count=2")
}

// By the clock: every link there is, again and again.
func TestFaultyDetachByTheClock(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		begun := time.Now()
		for _, want := range []time.Duration{20 * time.Second, 30 * time.Second, 40 * time.Second} {
			_, err := d.receiver(deviceboundAddress("dev1"), nil).Receive(r.ctx, nil)
			r.wantCondition(err, "amqp:link:detach-forced")
			if took := time.Since(begun); took != want {
				t.Errorf("detached after %v, want %v", took, want)
			}
		}
		ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
		defer cancel()
		if _, err := d.receiver(deviceboundAddress("dev1"), nil).Receive(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a link after the end of the fault: %v", err)
		}
	}, "busy devicebound after=10s every=10s for=35s")
}

func TestFaultyCreditIsZero(t *testing.T) {
	for line, first := range map[string]int{"credit-zero": 0, "credit-zero after=3": 4} {
		faulty(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			s := d.sender(telemetryAddress("dev1"))
			for range first {
				d.accepted(s, text("x"))
			}
			ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
			defer cancel()
			if err := s.Send(ctx, text("x"), nil); condition(err) != "amqp:link:transfer-limit-exceeded" {
				t.Errorf("%s: sent without credit: %v", line, err)
			}
			r.struck(1, 1)
			r.hub.Heal(1)
			d.accepted(s, text("x"))
		}, line)
	}
}

func TestFaultyAttach(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		for _, want := range []string{"com.microsoft:iot-hub-suspended", "com.microsoft:iot-hub-suspended", ""} {
			_, err := d.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
			r.wantCondition(err, want)
		}
		d.receiver(deviceboundAddress("dev1"), nil)
	}, "refuse-link condition=com.microsoft:iot-hub-suspended count=2")
}

func TestFaultyRedirect(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		_, err := d.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
		var e *amqp.Error
		if !errors.As(err, &e) || e.Condition != amqp.ErrCondLinkRedirect {
			t.Fatalf("attach: %v", err)
		}
		for key, want := range map[string]any{
			"hostname": "10.0.0.9", "network-host": "10.0.0.9", "port": uint16(5672),
			"address": "amqps://10.0.0.9:5672/devices/dev1/messages/events",
		} {
			if e.Info[key] != want {
				t.Errorf("%s is %v, want %v", key, e.Info[key], want)
			}
		}
	}, "redirect to=10.0.0.9:5672")
}
