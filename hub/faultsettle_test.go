package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

// settling is a device that has received a command and is about to settle it.
func (r *rig) settling() (*peer, *amqp.Receiver, *amqp.Message) {
	r.Helper()
	svc, d := r.asService(), r.asDevice("dev1")
	svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c1", ""))
	rc := d.receiver(deviceboundAddress("dev1"), secondMode(1))
	return d, rc, d.receive(rc)
}

func (r *rig) queued(want int) {
	r.Helper()
	d, err := r.hub.Device("dev1")
	if r.must(err); d.Queued != want {
		r.Errorf("%d commands in the queue, want %d", d.Queued, want)
	}
}

// The hub's word on a settlement of the device: what it says, and what it does.
func TestFaultySettlement(t *testing.T) {
	for line, want := range map[string]struct {
		condition string
		queued    int
	}{
		"reject devicebound condition=amqp:not-found":                         {"amqp:not-found", 1},
		"reject devicebound condition=com.microsoft:message-lock-lost logged": {"com.microsoft:message-lock-lost", 0},
		"delay devicebound by=20s":                                            {"", 0},
	} {
		faulty(t, func(t *testing.T, r *rig) {
			_, rc, m := r.settling()
			r.inject(line)
			begun := time.Now()
			r.wantCondition(rc.AcceptMessage(r.ctx, m), want.condition)
			if took := time.Since(begun); (took == 20*time.Second) != strings.HasPrefix(line, "delay") {
				t.Errorf("%s: answered after %v", line, took)
			}
			r.queued(want.queued)
		})
	}
}

func TestFaultySettlementIsNeverAnswered(t *testing.T) {
	for line, queued := range map[string]int{"no-answer devicebound": 0, "no-answer devicebound unlogged": 1} {
		faulty(t, func(t *testing.T, r *rig) {
			_, rc, m := r.settling()
			r.inject(line)
			ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second)
			defer cancel()
			if err := rc.AcceptMessage(ctx, m); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", line, err)
			}
			r.queued(queued)
		})
	}
}

// A settlement that is lost with its connection brings the command back.
func TestFaultyDropAtASettlement(t *testing.T) {
	for line, queued := range map[string]int{
		"drop-unanswered devicebound count=1": 0, "drop-unanswered devicebound unlogged count=1": 1, "drop devicebound every=1 count=1": 1,
	} {
		faulty(t, func(t *testing.T, r *rig) {
			d, rc, m := r.settling()
			r.inject(line)
			var lost *amqp.ConnError
			if err := rc.AcceptMessage(r.ctx, m); !errors.As(err, &lost) {
				t.Errorf("%s: %v", line, err)
			}
			<-d.conn.Done()
			r.queued(queued)
			if queued == 1 {
				d = r.asDevice("dev1")
				rc = d.receiver(deviceboundAddress("dev1"), secondMode(1))
				d.must(rc.AcceptMessage(r.ctx, d.receive(rc)))
				r.queued(0)
			}
		})
	}
}

// What a reader of events settles is counted as well.
func TestFaultyReaderByMessage(t *testing.T) {
	for _, line := range []string{"busy events after=2", "drop events after=2 how=fin"} {
		faulty(t, func(t *testing.T, r *rig) {
			d, svc := r.asDevice("dev1"), r.asService()
			s := d.sender(telemetryAddress("dev1"))
			for range 4 {
				d.accepted(s, text("x"))
			}
			part := r.hub.Events()[0].Partition
			rc := svc.receiver(fmt.Sprintf("fieldpost/ConsumerGroups/$Default/Partitions/%d", part), &amqp.ReceiverOptions{
				Credit: 1, Filters: []amqp.LinkFilter{amqp.NewSelectorFilter("amqp.annotation.x-opt-offset > '-1'")},
			})
			received, err := 0, error(nil)
			for err == nil {
				var m *amqp.Message
				if m, err = rc.Receive(r.ctx, nil); err == nil {
					received++
					err = rc.AcceptMessage(r.ctx, m)
				}
			}
			if received != 3 { // it ends at the settlement of the third
				t.Errorf("%s: %d events, then %v", line, received, err)
			}
			r.must(r.hub.AwaitFault(r.ctx, 1, 1))
		}, line)
	}
}
