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

func TestPolicyDeviceOpensNoServiceLinks(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	p.cbs().put("localhost", token("localhost", r.policyKey("device"), "device", farFuture()))
	for _, address := range []string{"/messages/devicebound", "$management", "fieldpost/$management"} {
		_, err := p.session.NewSender(r.ctx, address, nil)
		r.wantCondition(err, "amqp:unauthorized-access")
	}
	for _, address := range []string{feedbackAddress, "messages/events", "fieldpost/ConsumerGroups/$Default/Partitions/0"} {
		_, err := p.session.NewReceiver(r.ctx, address, nil)
		r.wantCondition(err, "amqp:unauthorized-access")
	}
	p.sender(telemetryAddress("dev1"))
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

// The policies of the registry are for the cloud's REST interface: their tokens
// are good and open no link.
func TestRegistryPoliciesOpenNoLinks(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	for _, policy := range []string{"registryRead", "registryReadWrite"} {
		c, err := r.open(nil)
		r.must(err)
		p := r.peer(c)
		p.cbs().put("localhost", token("localhost", r.policyKey(policy), policy, farFuture()))
		for _, address := range []string{telemetryAddress("dev1"), "/messages/devicebound", "$management", "fieldpost/$management"} {
			_, err := p.session.NewSender(r.ctx, address, nil)
			r.wantCondition(err, "amqp:unauthorized-access")
		}
		for _, address := range []string{deviceboundAddress("dev1"), feedbackAddress, "messages/events", "fieldpost/ConsumerGroups/$Default/Partitions/0"} {
			_, err := p.session.NewReceiver(r.ctx, address, nil)
			r.wantCondition(err, "amqp:unauthorized-access")
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
