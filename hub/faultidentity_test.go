package hub_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestFaultyTokenExpiresNow(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		r.device("dev2")
		d := r.asDevice("dev1")
		d.cbs().put(r.hub.HostName()+"/devices/dev2", r.deviceToken("dev2", time.Hour))
		s, other := d.sender(telemetryAddress("dev1")), d.sender(telemetryAddress("dev2"))
		r.struck(r.inject("token-expire device=dev1"), 1)
		r.wantCondition(s.Send(r.ctx, text("x"), nil), "amqp:unauthorized-access")
		_, err := d.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
		r.wantCondition(err, "amqp:unauthorized-access")
		d.accepted(other, text("x"))
		d.cbs().put(r.hub.HostName()+"/devices/dev1", r.deviceToken("dev1", time.Hour))
		d.accepted(d.sender(telemetryAddress("dev1")), text("x"))
	})
}

func TestFaultyTokenOfPlainExpiresNow(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		c, err := r.open(amqp.SASLTypePlain("dev1@sas.localhost", r.deviceToken("dev1", time.Hour)))
		r.must(err)
		r.struck(r.inject("token-expire"), 1)
		<-c.Done()
		if condition(c.Err()) != "" {
			t.Errorf("ended with %v, want no word", c.Err())
		}
	})
}

// The first connection hears what it hears when the device connects elsewhere.
func TestFaultySecondConnection(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		r.struck(r.inject("second-connection device=dev1"), 1)
		<-d.conn.Done()
		r.wantCondition(d.conn.Err(), "amqp:connection:forced")
		// go-amqp tells of the link or of the connection, whichever it saw first.
		if got := condition(s.Send(r.ctx, text("x"), nil)); got != "amqp:link:stolen" && got != "amqp:connection:forced" {
			t.Errorf("the link ended with %q", got)
		}
		again := r.asDevice("dev1")
		again.accepted(again.sender(telemetryAddress("dev1")), text("x"))
	})
}

// A hub whose clock is fast takes tokens for older than they are.
func TestFaultyClockIsFast(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1") // for a day
		cbs := d.cbs()
		name := r.hub.HostName() + "/devices/dev1"
		s := d.sender(telemetryAddress("dev1"))
		id := r.inject("clock-skew by=1h for=30h")
		r.struck(id, 1)
		if _, status := cbs.request(putTokenMessage("1", sasType, name, r.deviceToken("dev1", 54*time.Minute))); status != 401 {
			t.Errorf("token of 54 minutes, five of grace: %d, want it expired", status)
		}
		begun := time.Now()
		d.accepted(s, text("x"))
		if at := r.hub.Events()[0].Enqueued; !at.Equal(begun.Add(time.Hour)) {
			t.Errorf("enqueued at %v, it is %v", at, begun)
		}
		// The token that was taken before ends by the new clock as well.
		for err := error(nil); err == nil; time.Sleep(time.Minute) {
			if err = s.Send(r.ctx, text("x"), nil); err != nil {
				r.wantCondition(err, "amqp:unauthorized-access")
			}
		}
		if took := time.Since(begun).Round(5 * time.Minute); took != 23*time.Hour+5*time.Minute {
			t.Errorf("token of 24h taken for %v", took)
		}
		time.Sleep(12 * time.Hour)
		if _, status := cbs.request(putTokenMessage("1", sasType, name, r.deviceToken("dev1", time.Minute))); status != 200 {
			t.Errorf("token of a minute when the clock is right again: %d", status)
		}
	})
}

// All that the hub stamps has the time of its clock; how long it waits has not.
func TestFaultyClockOfFeedbackAndTwins(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		svc, d := r.asService(), r.asDevice("dev1")
		svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", "positive"))
		in := d.receiver(deviceboundAddress("dev1"), secondMode(1))
		r.must(in.AcceptMessage(r.ctx, d.receive(in)))
		completed := time.Now()
		m := svc.receive(svc.receiver(feedbackAddress, secondMode(1)))
		if at, _ := m.Annotations["iothub-enqueuedtime"].(time.Time); !at.Equal(completed.Add(15*time.Second + time.Hour)) {
			t.Errorf("feedback of %v enqueued at %v", completed, at)
		}
		want := completed.Add(time.Hour).UTC().Format("2006-01-02T15:04:05.0000000Z")
		if got := r.records(m)[0].EnqueuedTimeUTC; got != want {
			t.Errorf("record of %s, want %s", got, want)
		}
		want = time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.0000000Z")
		twin, err := r.hub.UpdateTwin("dev1", hub.TwinUpdate{Desired: []byte(`{"a":1}`)})
		if r.must(err); !strings.Contains(string(twin.Desired), `"$lastUpdated":"`+want+`"`) {
			t.Errorf("twin %s, want %s", twin.Desired, want)
		}
	}, "clock-skew by=1h")
}

// A hub whose clock is slow lets tokens live longer.
func TestFaultyClockIsSlow(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		at := time.Now().Add(-2 * time.Hour)
		d.accepted(d.sender(telemetryAddress("dev1")), text("x"))
		if got := r.hub.Events()[0].Enqueued; !got.Equal(at) {
			t.Errorf("enqueued at %v, want %v", got, at)
		}
		_, status := d.cbs().request(putTokenMessage("1", sasType, r.hub.HostName()+"/devices/dev1", r.deviceToken("dev1", -time.Hour)))
		if status != 200 {
			t.Errorf("token that expired an hour ago: %d", status)
		}
	}, "clock-skew by=-2h")
}

func TestFaultyClockOfCommands(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		svc, d := r.asService(), r.asDevice("dev1")
		at := time.Now().Add(10 * time.Minute)
		svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c1", ""))
		m := d.receive(d.receiver(deviceboundAddress("dev1"), nil))
		if got, ok := m.Annotations["iothub-enqueuedtime"].(time.Time); !ok || !got.Equal(at) {
			t.Errorf("enqueued at %v, want %v", m.Annotations["iothub-enqueuedtime"], at)
		}
		late := command("dev1", "c2", "")
		expiry := time.Now().Add(5 * time.Minute)
		late.Properties.AbsoluteExpiryTime = &expiry
		svc.accepted(svc.sender("/messages/devicebound"), late)
		d.accepted(d.sender(telemetryAddress("dev1")), text("x"))
		svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c3", ""))
		device, err := r.hub.Device("dev1")
		if r.must(err); device.Queued != 2 {
			t.Errorf("%d in the queue, want the one that is locked and the last: the second has expired by the hub's clock", device.Queued)
		}
	}, "clock-skew by=10m")
}

func TestFaultyIdentityOfAModule(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		r.inject("reject device=dev1/camera")
		d.accepted(s, text("x"))
		r.inject("reject device=dev1")
		var e *amqp.Error
		if err := s.Send(r.ctx, text("x"), nil); !errors.As(err, &e) {
			t.Errorf("outcome %v", err)
		}
	})
}
