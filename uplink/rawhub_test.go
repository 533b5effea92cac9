package uplink_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
	"fieldpost/uplink"
)

// rawHub does what no hub should: it accepts links, takes no more than credit
// messages of each and answers none, or takes deliveries as it likes.
type rawHub struct {
	credit  uint32
	receive func(*amqpserver.Delivery) // nil: credit messages, no answer
}

func (h *rawHub) Authenticate(*amqpserver.Conn, string, []byte) error { return nil }
func (h *rawHub) Opened(*amqpserver.Conn) error                       { return nil }
func (h *rawHub) Closed(*amqpserver.Conn)                             {}

func (h *rawHub) Attach(l *amqpserver.Link) error {
	l.Credit = h.credit
	if h.receive != nil {
		l.Credit, l.MaxMessageSize, l.OnDelivery = 100, 1<<20, h.receive
	}
	return nil
}

// session opens a session with h that lasts as long as the test.
func (h *rawHub) session(ctx context.Context, t *testing.T) *amqp.Session {
	t.Helper()
	client, server := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- amqpserver.Serve(ctx, server, amqpserver.Options{Handler: h}) }()
	conn, err := amqp.NewConn(ctx, client, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); <-served })
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func TestNoCreditEndsTheLink(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.dopts.SettleWithin = 100 * time.Millisecond
	r.append(1)
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	err := uplink.NewDrain(r.dopts).Serve(ctx, (&rawHub{}).session(t.Context(), t))
	must(t, err != nil && strings.Contains(err.Error(), "no credit"), "Serve: %v", err)
	must(t, telemetryStats(r.store).Queued == 1, "store: %+v", telemetryStats(r.store))
}

// A hub that takes each message but no batch, or none of that size, gets what it takes.
func TestBatchAsSuchIsRefused(t *testing.T) {
	for name, v := range map[string]struct {
		refuse    func(*amqpserver.Delivery) bool
		condition wire.Symbol
		batches   uint64 // at most, of those that are taken apart
		some      bool   // batches are sent all the same
	}{
		"format": {func(d *amqpserver.Delivery) bool { return d.Format != 0 }, "amqp:not-implemented", 12, false},
		"size":   {func(d *amqpserver.Delivery) bool { return len(d.Payload) > 3000 }, "amqp:link:message-size-exceeded", 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, hub.Options{})
			r.dopts.BatchRecords, r.dopts.Window = 0, 4
			r.append(1000)
			last := uint32(0)
			h := &rawHub{receive: func(d *amqpserver.Delivery) {
				if v.refuse(d) {
					d.Settle(wire.Rejected{Error: &wire.Error{Condition: v.condition}})
					return
				}
				last = d.Format
				d.Settle(wire.Accepted{})
			}}
			ctx, cancel := context.WithTimeout(t.Context(), hang)
			defer cancel()
			r.drain = uplink.NewDrain(r.dopts)
			served := make(chan error, 1)
			session := h.session(ctx, t)
			go func() { served <- r.drain.Serve(ctx, session) }()
			if err := r.drain.Drained(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			must(t, <-served == nil, "Serve failed")
			s, got := r.drain.Stats(), telemetryStats(r.store)
			must(t, got.Delivered == 1000 && got.Dead == 0, "store: %+v", got)
			must(t, s.Bisected > 0 && s.Bisected <= v.batches, "%d batches were taken apart", s.Bisected)
			must(t, (last != 0) == v.some, "the last transfer has format %#x", last)
		})
	}
}
