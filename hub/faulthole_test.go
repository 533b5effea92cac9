package hub_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// In a black hole nothing is heard, not even of an end; go-amqp's own watch
// notices. What waits in it arrives when it is over.
func TestFaultyBlackhole(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		begun := time.Now()
		r.struck(r.inject("blackhole device=dev1 for=3m"), 1)
		receipt, err := s.SendWithReceipt(r.ctx, text("x"), nil)
		r.must(err)
		var lost *amqp.ConnError
		if _, err := receipt.Wait(r.ctx); !errors.As(err, &lost) {
			t.Errorf("outcome: %v", err)
		}
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("noticed after %v, want go-amqp's idle time-out of 1m", took)
		}
		if n := r.hub.EventCount(); n != 0 {
			t.Errorf("%d events came through", n)
		}
		time.Sleep(time.Until(begun.Add(3 * time.Minute)))
		synctest.Wait()
		if n := r.hub.EventCount(); n != 1 {
			t.Errorf("%d events when the hole is over, want the one under way", n)
		}
		if n := r.hub.Connections(); n != 0 {
			t.Errorf("%d connections outlive the hole", n)
		}
		d = r.asDevice("dev1")
		d.accepted(d.sender(telemetryAddress("dev1")), text("x"))
	})
}

// Another connection of the device is swallowed as soon as it is known whose it
// is.
func TestFaultyBlackholeSwallowsTheDevicesNextConnection(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		ctx, cancel := context.WithTimeout(r.ctx, 20*time.Second)
		defer cancel()
		if _, err := d.session.NewSender(ctx, telemetryAddress("dev1"), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("attach: %v", err)
		}
		r.struck(1, 1)
		r.device("dev2")
		other := r.asDevice("dev2")
		other.accepted(other.sender(telemetryAddress("dev2")), text("x"))
	}, "blackhole device=dev1")
}

// A hole that is shorter than everyone's patience costs time and nothing else.
func TestFaultyBlackholeIsOutlived(t *testing.T) {
	for name, run := range map[string]func(*testing.T, func(*testing.T, *rig)){
		"memory": func(t *testing.T, f func(*testing.T, *rig)) { faulty(t, f) },
		"tcp":    onTCP,
	} {
		run(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			rc := d.receiver(deviceboundAddress("dev1"), secondMode(1))
			s := d.sender(telemetryAddress("dev1"))
			id := r.inject("blackhole device=dev1")
			receipt, err := s.SendWithReceipt(r.ctx, text("x"), nil)
			r.must(err)
			svc := r.asService()
			svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "kept", ""))
			if n := r.hub.EventCount(); n != 0 {
				t.Errorf("%s: %d events came through", name, n)
			}
			r.hub.Heal(id)
			if state, err := receipt.Wait(r.ctx); err != nil {
				t.Errorf("%s: outcome %v, %v", name, state, err)
			}
			d.must(rc.AcceptMessage(r.ctx, d.receive(rc)))
		})
	}
}

// A new connection gets no answer, and no end either.
func TestFaultyBlackholeSwallowsNewConnections(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		r.inject("blackhole new for=3m")
		nc := r.dial()
		defer nc.Close()
		_, err := nc.Write([]byte("hello"))
		r.must(err)
		begun := time.Now()
		r.must(nc.SetReadDeadline(begun.Add(3*time.Minute - 1)))
		var timeout net.Error
		if n, err := nc.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("read %d bytes, %v", n, err)
		}
		r.must(nc.SetReadDeadline(time.Time{}))
		if _, err := nc.Read(make([]byte, 1)); err == nil || time.Since(begun) != 3*time.Minute {
			t.Errorf("after %v: %v, want the end of what the hub has given up", time.Since(begun), err)
		}
		r.struck(1, 1)
		r.asDevice("dev1")
	})
}

// What the hub has given up stays in the hole, for twice the connections that it
// has room for; one more is closed for its client to see.
func TestFaultyBlackholeKeepsSoMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 2
		r := newMemoryRig(t, hub.Options{MaxConnections: most})
		r.inject("blackhole new")
		for i := range 2*most + 2 {
			nc := r.dial()
			defer nc.Close()
			r.must(nc.SetReadDeadline(time.Now().Add(time.Minute)))
			_, err := nc.Read(make([]byte, 1))
			var timeout net.Error
			silent := errors.As(err, &timeout) && timeout.Timeout()
			if want := i <= 2*most; silent != want {
				t.Errorf("connection %d: %v, want silence: %v", i+1, err, want)
			}
		}
		synctest.Wait()
		if n := r.hub.Connections(); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}
