package hub_test

import (
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestNewestConnectionWins(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	older := r.asDevice("dev1")
	in := older.receiver(deviceboundAddress("dev1"), nil)
	newer := r.asDevice("dev1")
	newer.sender(telemetryAddress("dev1"))
	select {
	case <-older.conn.Done():
	case <-r.ctx.Done():
		t.Fatal("the older connection is still open")
	}
	_, err := in.Receive(r.ctx, nil)
	if c := condition(err); c != "amqp:link:stolen" && c != "amqp:connection:forced" {
		t.Errorf("older receiver ended with %v", err)
	}
	svc := r.asService()
	svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", ""))
	newer.receive(newer.receiver(deviceboundAddress("dev1"), nil))
}

func TestNewestConnectionLeavesOtherDevicesAlone(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	r.device("dev2")
	c, err := r.open(nil)
	r.must(err)
	both := r.peer(c)
	b := both.cbs()
	b.put("localhost/devices/dev1", r.deviceToken("dev1", time.Hour))
	b.put("localhost/devices/dev2", r.deviceToken("dev2", time.Hour))
	in, other := both.receiver(deviceboundAddress("dev1"), nil), both.sender(telemetryAddress("dev2"))
	newer := r.asDevice("dev1")
	newer.receiver(deviceboundAddress("dev1"), nil)
	_, err = in.Receive(r.ctx, nil)
	r.wantCondition(err, "amqp:link:stolen")
	both.accepted(other, amqp.NewMessage(nil))
}

func TestNewestReceiverOfAConnectionWins(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	older := d.receiver(deviceboundAddress("dev1"), nil)
	newer := d.receiver(deviceboundAddress("dev1"), nil)
	_, err := older.Receive(r.ctx, nil)
	r.wantCondition(err, "amqp:link:stolen")
	svc := r.asService()
	svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", ""))
	d.receive(newer)
}

func TestRemovedAndDisabledDevicesLoseTheirLinks(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	r.device("dev2")
	d1, d2 := r.asDevice("dev1"), r.asDevice("dev2")
	s1, s2 := d1.sender(telemetryAddress("dev1")), d2.receiver(deviceboundAddress("dev2"), nil)
	r.must(r.hub.RemoveDevice("dev1"))
	r.must(r.hub.DisableDevice("dev2"))
	r.wantCondition(r.sendUntilError(s1), "amqp:not-found")
	_, err := s2.Receive(r.ctx, nil)
	r.wantCondition(err, "amqp:unauthorized-access")
	_, err = d1.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
	r.wantCondition(err, "amqp:unauthorized-access")
	_, err = d2.session.NewReceiver(r.ctx, deviceboundAddress("dev2"), nil)
	r.wantCondition(err, "amqp:unauthorized-access")
}

// sendUntilError sends until the link has gone, and returns why.
