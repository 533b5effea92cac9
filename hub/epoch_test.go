package hub_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func epoch(n any, name string) *amqp.ReceiverOptions {
	o := &amqp.ReceiverOptions{Credit: 10, Properties: map[string]any{}}
	if n != nil {
		o.Properties["com.microsoft:epoch"] = n
	}
	if name != "" {
		o.Properties["com.microsoft:receiver-name"] = name
	}
	return o
}

// stolen waits for the end of a reader, which must say so.
func (p *peer) stolen(in *amqp.Receiver, text string) {
	p.Helper()
	_, err := in.Receive(p.ctx, nil)
	p.wantStolen(err, text)
}

func (r *rig) wantStolen(err error, text string) {
	r.Helper()
	r.wantCondition(err, "amqp:link:stolen")
	if err == nil || !strings.Contains(err.Error(), text+" TrackingId:") {
		r.Errorf("error is %v, want %s", err, text)
	}
}

func TestHigherEpochTakesThePartition(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1})
	r.fill(1)
	older, newer := r.asService(), r.asService()
	address := groupAddress("$Default", 0)
	first := older.receiver(address, epoch(int64(4), "a"))
	older.receive(first)
	second := newer.receiver(address, epoch(int64(5), "b"))
	older.stolen(first, "New receiver 'b' with higher epoch of '5' is created hence current receiver 'a' with epoch '4' is getting disconnected. "+
		"If you are recreating the receiver, make sure a higher epoch is used.")
	if m := newer.receive(second); string(m.GetData()) != "0" {
		t.Errorf("event %s", m.GetData())
	}
	// An equal epoch does as well: a client that comes back takes its own place.
	third := older.receiver(address, epoch(int64(5), ""))
	newer.stolen(second, "New receiver 'nil' with higher epoch of '5' is created hence current receiver 'b' with epoch '5' is getting disconnected. "+
		"If you are recreating the receiver, make sure a higher epoch is used.")
	older.receive(third)
}

func TestLowerEpochIsRefused(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 2, ConsumerGroups: []string{"other"}})
	svc := r.asService()
	address := groupAddress("$Default", 0)
	owner := svc.receiver(address, epoch(int64(7), "owner"))
	_, err := svc.session.NewReceiver(r.ctx, address, epoch(int64(6), "late"))
	r.wantStolen(err, "Receiver 'owner' with a higher epoch '7' already exists. Receiver 'late' with epoch 6 cannot be created. "+
		"Make sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all old epoch receivers are closed or disconnected.")
	svc.receiver(groupAddress("other", 0), epoch(int64(6), ""))
	svc.receiver(groupAddress("$Default", 1), epoch(int64(6), ""))
	r.must(owner.Close(r.ctx))
	svc.receiver(address, epoch(int64(0), ""))
}

func TestReaderWithoutEpochIsRefusedBesideAnEpoch(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1})
	svc := r.asService()
	address := groupAddress("$Default", 0)
	owner := svc.receiver(address, epoch(int64(0), ""))
	_, err := svc.session.NewReceiver(r.ctx, address, nil)
	r.wantStolen(err, "At least one receiver for the endpoint is created with epoch of '0', and so non-epoch receiver is not allowed. "+
		"Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected.")
	r.must(owner.Close(r.ctx))
	svc.receiver(address, nil)
}

func TestEpochDrivesOutReadersWithoutOne(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1})
	svc := r.asService()
	address := groupAddress("$Default", 0)
	shared := []*amqp.Receiver{svc.receiver(address, nil), svc.receiver(address, nil)}
	svc.receiver(address, epoch(int64(1), ""))
	for _, in := range shared {
		svc.stolen(in, "New receiver 'nil' with higher epoch of '1' is created hence current receiver 'nil' with epoch '' is getting disconnected. "+
			"If you are recreating the receiver, make sure a higher epoch is used.")
	}
}

// deafConn is a connection whose end stops listening, though it stays open.
type deafConn struct {
	net.Conn
	deaf   atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (c *deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.deaf.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *deafConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func TestReaderThatIsDrivenOutNeedNotAnswer(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1})
	svc := r.asService()
	dial := r.dial
	deaf := &deafConn{Conn: dial(), closed: make(chan struct{})}
	r.dial = func() net.Conn { return deaf }
	older := r.asService()
	r.dial = dial
	address := groupAddress("$Default", 0)
	older.receiver(address, epoch(int64(4), ""))
	deaf.deaf.Store(true)
	newer := svc.receiver(address, epoch(int64(5), ""))
	r.must(newer.Close(r.ctx))
	svc.receiver(address, nil)
	r.must(deaf.Close())
}

func TestEpochEndsWithItsConnection(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1})
	owner, svc := r.asService(), r.asService()
	address := groupAddress("$Default", 0)
	owner.receiver(address, epoch(int64(9), ""))
	r.must(owner.conn.Close())
	for {
		_, err := svc.session.NewReceiver(r.ctx, address, nil)
		if err == nil {
			return
		}
		r.wantCondition(err, "amqp:link:stolen") // the hub has not seen the end yet
		if t.Failed() {
			return
		}
	}
}

func TestEpochTypes(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1})
	svc := r.asService()
	address := groupAddress("$Default", 0)
	for _, n := range []any{int8(1), uint8(1), int16(1), uint16(1), int32(1), uint32(1), int64(1), uint64(1)} {
		r.must(svc.receiver(address, epoch(n, "")).Close(r.ctx))
	}
	for _, n := range []any{"1", int64(-1), uint64(1 << 63), true} {
		_, err := svc.session.NewReceiver(r.ctx, address, epoch(n, ""))
		r.wantCondition(err, "com.microsoft:argument-out-of-range")
	}
}

func TestReceiverRuntimeMetric(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1})
	_, events := r.fill(3)
	svc := r.asService()
	opts := &amqp.ReceiverOptions{Credit: 10, DesiredCapabilities: []string{"com.microsoft:enable-receiver-runtime-metric"}}
	asked, plain := svc.receiver(groupAddress("$Default", 0), opts), svc.receiver(groupAddress("$Default", 0), &amqp.ReceiverOptions{Credit: 10})
	began := time.Now()
	for i := range events {
		m := svc.receive(asked)
		at, _ := m.DeliveryAnnotations["last_enqueued_time_utc"].(time.Time)
		retrieved, _ := m.DeliveryAnnotations["runtime_info_retrieval_time_utc"].(time.Time)
		if m.DeliveryAnnotations["last_enqueued_sequence_number"] != int64(2) || m.DeliveryAnnotations["last_enqueued_offset"] != offsetOf(events[2]) ||
			at.UnixMilli() != events[2].Enqueued.UnixMilli() || retrieved.Before(began.Add(-time.Minute)) {
			t.Errorf("event %d: %v", i, m.DeliveryAnnotations)
		}
		if m.Annotations["x-opt-sequence-number"] != int64(i) || len(m.GetData()) == 0 {
			t.Errorf("event %d: %v", i, m.Annotations)
		}
		if m := svc.receive(plain); m.DeliveryAnnotations != nil {
			t.Errorf("metrics nobody asked for: %v", m.DeliveryAnnotations)
		}
	}
}

func TestPositionBehindTheEnd(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1})
	_, events := r.fill(3)
	svc := r.asService()
	open := func(selector string) error {
		in, err := svc.session.NewReceiver(r.ctx, groupAddress("$Default", 0), &amqp.ReceiverOptions{
			Filters: []amqp.LinkFilter{amqp.NewSelectorFilter("amqp.annotation." + selector)},
		})
		if err != nil {
			return err
		}
		return in.Close(r.ctx)
	}
	for _, good := range []string{"x-opt-sequence-number > '2'", "x-opt-sequence-number >= '3'", "x-opt-offset > '" + offsetOf(events[2]) + "'",
		"x-opt-enqueued-time > '9999999999999'"} {
		r.must(open(good))
	}
	for selector, text := range map[string]string{
		"x-opt-sequence-number > '488'": "The supplied sequence number '488' is invalid. The last sequence number in the system is '2'",
		"x-opt-offset > '51541496928'":  "The supplied offset '51541496928' is invalid. The last offset in the system is '" + offsetOf(events[2]) + "'",
	} {
		err := open(selector)
		var e *amqp.Error
		if !errors.As(err, &e) || e.Condition != "com.microsoft:argument-error" || !strings.HasPrefix(e.Description, text+" TrackingId:") {
			t.Errorf("%s: %v", selector, err)
		}
	}
}
