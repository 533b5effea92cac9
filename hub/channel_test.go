package hub_test

import (
	"fmt"
	"testing"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestChannelLinksNeedTheirProperties(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	for _, address := range []string{twinAddress("dev1"), methodsAddress("dev1")} {
		for _, missing := range []string{"com.microsoft:api-version", "com.microsoft:channel-correlation-id"} {
			properties := channelProperties("twin:1")
			delete(properties, missing)
			_, err := d.session.NewReceiver(r.ctx, address, &amqp.ReceiverOptions{Properties: properties})
			if f := describe(t, err); condition(err) != "amqp:not-found" || f.ErrorCode != 404006 {
				t.Errorf("%s without %s: %v", address, missing, err)
			}
		}
	}
	_, err := d.session.NewSender(r.ctx, twinAddress("other"), &amqp.SenderOptions{Properties: channelProperties("twin:1")})
	r.wantCondition(err, "amqp:unauthorized-access")
}

// An identifier is good for one pair of links, on any connection; a device has one
// that it has not used before for each attempt.
func TestChannelIdentifierIsUsedOnce(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	for _, address := range []string{twinAddress("dev1"), methodsAddress("dev1")} {
		d := r.asDevice("dev1")
		d.pair(address, "id", 10)
		for range 2 {
			_, err := d.session.NewReceiver(r.ctx, address, &amqp.ReceiverOptions{Properties: channelProperties("id")})
			if f := describe(t, err); condition(err) != "com.microsoft:link-creation-conflict" || f.ErrorCode != 409002 {
				t.Errorf("%s: a second receiver: %v", address, err)
			}
			d = r.asDevice("dev1")
			_, err = d.session.NewSender(r.ctx, address, &amqp.SenderOptions{Properties: channelProperties("id")})
			r.wantCondition(err, "com.microsoft:link-creation-conflict")
		}
		for i := range 16 { // so many are remembered
			r.asDevice("dev1").pair(address, fmt.Sprint("fresh", i), 10)
		}
		r.asDevice("dev1").pair(address, "id", 10)
	}
}

// With another identifier a link ends both of the older pair.
func TestNewestChannelWins(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	first := d.twin("dev1")
	other, err := d.session.NewSender(r.ctx, twinAddress("dev1"), &amqp.SenderOptions{Properties: channelProperties("twin:0")})
	r.must(err)
	_, err = first.in.Receive(r.ctx, nil)
	r.wantCondition(err, "amqp:link:stolen")
	r.wantCondition(r.sendUntilError(first.out), "amqp:link:stolen")
	second := d.pair(twinAddress("dev1"), "twin:2", 10)
	r.wantCondition(r.sendUntilError(other), "amqp:link:stolen")
	if status, _ := second.ask(twinRequest("g", "GET", "", " ")); status != 200 {
		t.Errorf("GET: %d", status)
	}
}
