package hub_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// What ends a link says why, by the number of the cloud's list.
func TestEndOfALinkHasItsCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{ClockSkew: -1})
		for name, c := range map[string]struct {
			condition string
			code      int
			end       func(d *peer, id string)
		}{
			"another one of the device": {"amqp:link:stolen", 400027, func(d *peer, id string) { d.receiver(deviceboundAddress(id), nil) }},
			"token expired":             {"amqp:unauthorized-access", 401003, func(*peer, string) { time.Sleep(2 * time.Hour) }},
			"device disabled":           {"amqp:unauthorized-access", 403012, func(_ *peer, id string) { r.must(r.hub.DisableDevice(id)) }},
			"device removed":            {"amqp:not-found", 404001, func(_ *peer, id string) { r.must(r.hub.RemoveDevice(id)) }},
		} {
			id := strings.ReplaceAll(name, " ", "-")
			r.device(id)
			connection, err := r.open(nil)
			r.must(err)
			d := r.peer(connection)
			d.cbs().put("localhost/devices/"+id, r.deviceToken(id, time.Hour))
			in := d.receiver(deviceboundAddress(id), nil)
			c.end(d, id)
			_, err = in.Receive(r.ctx, nil)
			if f := describe(t, err); condition(err) != c.condition || f.ErrorCode != c.code || f.TrackingID == "" {
				t.Errorf("%s: %v, want %s with %d", name, err, c.condition, c.code)
			}
		}
		d := r.asDevice("another-one-of-the-device")
		_, err := d.session.NewSender(r.ctx, telemetryAddress("device-disabled"), nil)
		if f := describe(t, err); condition(err) != "amqp:unauthorized-access" || f.ErrorCode != 401002 {
			t.Errorf("a link of another device: %v", err)
		}
	})
}

// The model a device names on its telemetry link goes with each of its messages.
func TestModelOfTheLinkIsStamped(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	const model = "dtmi:com:example:gateway;1"
	s, err := d.session.NewSender(r.ctx, telemetryAddress("dev1"), &amqp.SenderOptions{Properties: map[string]any{"com.microsoft:model-id": model}})
	r.must(err)
	d.accepted(s, &amqp.Message{Annotations: amqp.Annotations{"dt-dataschema": "spoofed"}})
	d.accepted(d.sender(telemetryAddress("dev1")), &amqp.Message{Annotations: amqp.Annotations{"dt-dataschema": "spoofed"}})
	events := r.hub.Events()
	if got := events[0].Annotations["dt-dataschema"]; got != model {
		t.Errorf("dt-dataschema is %v, want %s", got, model)
	}
	if got, ok := events[1].Annotations["dt-dataschema"]; ok {
		t.Errorf("a link without a model stamps %v", got)
	}
}

// A thousand messages may wait for their outcome, and not one more.
func TestTelemetryCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{Outcome: func(hub.Event) hub.Settlement { return hub.NoAnswer }})
		r.device("dev1")
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		sent := 0
		for ; sent < 2000; sent++ {
			ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
			_, err := s.SendWithReceipt(ctx, amqp.NewMessage(nil), nil)
			cancel()
			if condition(err) == "amqp:link:transfer-limit-exceeded" { // go-amqp's own: it waited for credit
				break
			}
			r.must(err)
		}
		if sent != 1000 {
			t.Errorf("%d messages were sent without an outcome, want 1000", sent)
		}
	})
}

// The property to may have any case in its last part, and a percent-encoded id.
func TestDeviceboundToForms(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev:1#a")
	svc := r.asService()
	for _, address := range []string{"/messages/devicebound", "messages/deviceBound", "amqps://" + r.hub.HostName() + "/messages/DeviceBound"} {
		out := svc.sender(address)
		for _, to := range []string{
			"/devices/dev%3A1%23a/messages/devicebound", "/devices/dev:1%23a/messages/deviceBound", "devices/dev:1%23a/messages/devicebound",
			"amqps://" + r.hub.HostName() + "/devices/dev:1%23a/messages/devicebound",
		} {
			m := command("", to, "")
			*m.Properties.To = to
			svc.accepted(out, m)
		}
	}
	if n, err := r.hub.PurgeQueue("dev:1#a"); n != 12 || err != nil {
		t.Errorf("%d messages queued, %v", n, err)
	}
}
