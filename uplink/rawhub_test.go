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
	"fieldpost/uplink"
)

// rawHub does what no hub should: it accepts links, takes no more than credit
// messages of each and answers none.
type rawHub struct{ credit uint32 }

func (h *rawHub) Authenticate(*amqpserver.Conn, string, []byte) error { return nil }
func (h *rawHub) Opened(*amqpserver.Conn) error                       { return nil }
func (h *rawHub) Closed(*amqpserver.Conn)                             {}

func (h *rawHub) Attach(l *amqpserver.Link) error {
	l.Credit = h.credit
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
