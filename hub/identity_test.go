package hub_test

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func farFuture() time.Time { return time.Now().Add(1000 * time.Hour) }

// A device that was removed and added again is another one: what the first was
// allowed says nothing about it.
func TestTokenOfARemovedDeviceIsDeadForItsSuccessor(t *testing.T) {
	r := newRig(t, hub.Options{})
	for name, connect := range map[string]func() *peer{
		"cbs": func() *peer { return r.asDevice("dev1") },
		"plain": func() *peer {
			c, err := r.open(amqp.SASLTypePlain("dev1@sas.localhost", r.deviceToken("dev1", time.Hour)))
			r.must(err)
			return r.peer(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r.device("dev1")
			p := connect()
			r.must(r.hub.RemoveDevice("dev1"))
			r.device("dev1")
			_, err := p.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
			r.wantCondition(err, "amqp:unauthorized-access")
			_, err = p.session.NewReceiver(r.ctx, deviceboundAddress("dev1"), nil)
			r.wantCondition(err, "amqp:unauthorized-access")
			r.asDevice("dev1").sender(telemetryAddress("dev1"))
			r.must(r.hub.RemoveDevice("dev1"))
		})
	}
}

// What each policy opens, address by address. A redirect is an open door.
func TestRightsByAddress(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	_, err := r.hub.AddModule("dev1", "m")
	r.must(err)
	const device, service = 1, 2
	rights := map[string]int{"iothubowner": device | service, "service": service, "device": device, "registryRead": 0, "registryReadWrite": 0}
	senders := map[string]int{
		telemetryAddress("dev1"):                  device,
		"/devices/dev1/modules/m/messages/events": device,
		"/messages/devicebound":                   service,
		"$management":                             service,
		"fieldpost/$management":                   service,
		"fieldpost":                               service,
		"fieldpost/Partitions/0":                  service,
	}
	receivers := map[string]int{
		deviceboundAddress("dev1"):                       device,
		"/devices/dev1/modules/m/messages/devicebound":   device,
		feedbackAddress:                                  service,
		"messages/events":                                service,
		"/messages/events/$management":                   service,
		"fieldpost/ConsumerGroups/$Default/Partitions/0": service,
		"fieldpost/$management":                          service,
	}
	for policy, has := range rights {
		c, err := r.open(nil)
		r.must(err)
		p := r.peer(c)
		p.cbs().put("localhost", token("localhost", r.policyKey(policy), policy, farFuture()))
		check := func(address string, needs int, err error) {
			want := ""
			switch {
			case has&needs == 0:
				want = "amqp:unauthorized-access"
			case strings.Contains(address, "messages/events") && needs == service:
				want = "amqp:link:redirect"
			}
			if got := condition(err); got != want {
				t.Errorf("%s on %s: %v, want condition %q", policy, address, err, want)
			}
		}
		for address, needs := range senders {
			_, err := p.session.NewSender(r.ctx, address, nil)
			check(address, needs, err)
		}
		for address, needs := range receivers {
			_, err := p.session.NewReceiver(r.ctx, address, nil)
			check(address, needs, err)
		}
	}
}

// The connection of a device that came by PLAIN has nothing left without it.
func TestRevokedDeviceLosesAConnectionBoundByPlain(t *testing.T) {
	for want, revoke := range map[string]func(*hub.Hub) error{
		"amqp:not-found":           func(h *hub.Hub) error { return h.RemoveDevice("dev1") },
		"amqp:unauthorized-access": func(h *hub.Hub) error { return h.DisableDevice("dev1") },
	} {
		r := newRig(t, hub.Options{})
		r.device("dev1")
		c, err := r.open(amqp.SASLTypePlain("dev1@sas.localhost", r.deviceToken("dev1", time.Hour)))
		r.must(err)
		r.peer(c).sender(telemetryAddress("dev1"))
		r.must(revoke(r.hub))
		select {
		case <-c.Done():
			r.wantCondition(c.Err(), want)
		case <-r.ctx.Done():
			t.Fatal("the connection is still open")
		}
	}
}

// The texts of a refused token say what is wrong in the cloud's words.
func TestPutTokenTexts(t *testing.T) {
	r := newRig(t, hub.Options{})
	for _, id := range []string{"dev1", "off"} {
		r.device(id)
	}
	r.must(r.hub.DisableDevice("off"))
	_, err := r.hub.Register(hub.Registration{DeviceID: "cert", Auth: hub.AuthAuthority})
	r.must(err)
	c, err := r.open(nil)
	r.must(err)
	b := r.peer(c).cbs()
	for id, want := range map[string]string{
		"dev1":   "matches neither the primary nor the secondary key",
		"nobody": "Device nobody at IotHub localhost not registered",
		"off":    "Device off at IotHub localhost is disabled",
		"cert":   "Device cert at IotHub localhost authenticates by certificateAuthority",
	} {
		audience := "localhost/devices/" + id
		reply, status := b.request(putTokenMessage("1", sasType, audience, token(audience, r.serviceKey(), "", farFuture())))
		if text, _ := reply.ApplicationProperties["status-description"].(string); status != 401 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %q, want 401 %q", id, status, text, want)
		}
	}
}
