package hub_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// What the device has and has not settled takes a place too.
func TestDeviceboundLockedMessagesCountAsQueued(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc, d := r.asService(), r.asDevice("dev1")
	out, in := svc.sender("/messages/devicebound"), d.receiver(deviceboundAddress("dev1"), secondMode(1))
	svc.accepted(out, command("dev1", "locked", ""))
	m := d.receive(in)
	for i := range 49 {
		svc.accepted(out, command("dev1", fmt.Sprint(i), ""))
	}
	if e := svc.rejected(out, command("dev1", "one too many", "")); e.Condition != amqp.ErrCondResourceLimitExceeded {
		t.Errorf("full queue: %v", e)
	}
	if n, err := r.hub.PurgeQueue("dev1"); n != 49 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	r.must(in.AcceptMessage(r.ctx, m))
	if q := r.hub.Devices()[0].Queued; q != 0 {
		t.Errorf("%d messages left", q)
	}
}

func TestDeviceboundLockExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		svc, d := r.asService(), r.asDevice("dev1")
		svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", ""))
		in := d.receiver(deviceboundAddress("dev1"), secondMode(10))
		first := d.receive(in)
		start := time.Now()
		second := d.receive(in)
		if waited := time.Since(start); waited != 60*time.Second {
			t.Errorf("delivered again after %v", waited)
		}
		if second.Annotations["iothub-deliverycount"] != uint8(0) || second.Annotations["x-opt-sequence-number"] != first.Annotations["x-opt-sequence-number"] ||
			bytes.Equal(second.DeliveryTag, first.DeliveryTag) {
			t.Errorf("second delivery %v", second.Annotations)
		}
		err := in.AcceptMessage(r.ctx, first)
		r.wantCondition(err, "amqp:not-found")
		if f := describe(t, err); f.ErrorCode != 412002 {
			t.Errorf("late disposition: %+v", f)
		}
		r.must(in.AcceptMessage(r.ctx, second))
		if q := r.hub.Devices()[0].Queued; q != 0 {
			t.Errorf("%d messages left", q)
		}
	})
}

func TestDeviceboundStaysLockedOverAReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{LockFor: 10 * time.Second})
		r.device("dev1")
		svc, d := r.asService(), r.asDevice("dev1")
		out := svc.sender("/messages/devicebound")
		svc.accepted(out, command("dev1", "c-1", ""))
		d.receive(d.receiver(deviceboundAddress("dev1"), secondMode(10)))
		start := time.Now()
		d.conn.Close()
		again := r.asDevice("dev1")
		in := again.receiver(deviceboundAddress("dev1"), secondMode(10))
		svc.accepted(out, command("dev1", "c-2", ""))
		if m := again.receive(in); m.Properties.MessageID != "c-2" {
			t.Errorf("first message after the reconnect is %v", m.Properties.MessageID)
		}
		if m := again.receive(in); m.Properties.MessageID != "c-1" || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", m.Properties.MessageID, time.Since(start))
		}
	})
}

func TestDeviceboundExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{DefaultTTL: time.Hour})
		r.device("dev1")
		svc := r.asService()
		out := svc.sender("/messages/devicebound")
		for id, expiry := range map[string]time.Time{"minute": time.Now().Add(time.Minute), "zero": {}, "1970": time.Unix(0, 0), "past": time.Now().Add(-time.Minute)} {
			m := command("dev1", id, "")
			if id != "zero" {
				m.Properties.AbsoluteExpiryTime = &expiry
			}
			svc.accepted(out, m)
		}
		svc.accepted(out, command("dev1", "default", "negative"))
		synctest.Wait()
		want := func(queued int, when string) {
			t.Helper()
			synctest.Wait()
			if q := r.hub.Devices()[0].Queued; q != queued {
				t.Errorf("%d messages %s, want %d", q, when, queued)
			}
		}
		time.Sleep(time.Second)
		want(4, "after a second")
		time.Sleep(time.Minute)
		want(3, "after the minute")
		time.Sleep(58 * time.Minute)
		want(3, "before the hour")
		time.Sleep(time.Minute)
		want(0, "after the hour")
		r.wantFeedback(svc, "default", "Expired")
	})
}

// Also not to a device that listens when it comes.
func TestExpiredCommandIsNeverDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		svc, d := r.asService(), r.asDevice("dev1")
		out, in := svc.sender("/messages/devicebound"), d.receiver(deviceboundAddress("dev1"), secondMode(5))
		expired := command("dev1", "expired", "full")
		past := time.Now().Add(-time.Hour)
		expired.Properties.AbsoluteExpiryTime = &past
		svc.accepted(out, expired)
		svc.accepted(out, command("dev1", "fresh", ""))
		if m := d.receive(in); m.Properties.MessageID != "fresh" {
			t.Errorf("received %v", m.Properties.MessageID)
		}
		r.wantFeedback(svc, "expired", "Expired")
	})
}

func TestDeviceboundLockedMessageOutlivesItsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		svc, d := r.asService(), r.asDevice("dev1")
		m := command("dev1", "c", "full")
		expiry := time.Now().Add(10 * time.Second)
		m.Properties.AbsoluteExpiryTime = &expiry
		svc.accepted(svc.sender("/messages/devicebound"), m)
		in := d.receiver(deviceboundAddress("dev1"), secondMode(1))
		got := d.receive(in)
		time.Sleep(30 * time.Second)
		r.must(in.AcceptMessage(r.ctx, got))
		r.wantFeedback(svc, "c", "Success")
	})
}
