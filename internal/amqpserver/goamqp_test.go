package amqpserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// hang is how long a test waits for something that must come.
const hang = 30 * time.Second

// node is a handler with functions in the place of decisions.
type node struct {
	authenticate func(mechanism string, response []byte) error
	opened       func(*amqpserver.Conn) error
	attach       func(*amqpserver.Link) error
	closed       chan struct{}
}

func (n *node) Authenticate(_ *amqpserver.Conn, mechanism string, response []byte) error {
	if n.authenticate == nil {
		return nil
	}
	return n.authenticate(mechanism, response)
}

func (n *node) Opened(c *amqpserver.Conn) error {
	if n.opened == nil {
		return nil
	}
	return n.opened(c)
}

func (n *node) Attach(l *amqpserver.Link) error { return n.attach(l) }

func (n *node) Closed(*amqpserver.Conn) { close(n.closed) }

// dial serves n on one end of a loopback connection and runs go-amqp on the other.
func dial(t *testing.T, n *node, o amqpserver.Options, client *amqp.ConnOptions) *amqp.Conn {
	t.Helper()
	near, ended := serve(t, n, o)
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	conn, err := amqp.NewConn(ctx, near, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
		<-n.closed
	})
	return conn
}

func serve(t *testing.T, n *node, o amqpserver.Options) (net.Conn, <-chan error) {
	t.Helper()
	n.closed = make(chan struct{})
	o.Handler = n
	near, far := pipe(t)
	ended := make(chan error, 1)
	go func() {
		ended <- amqpserver.Serve(context.Background(), far, o)
		close(ended)
	}()
	return near, ended
}

// pipe returns the two ends of a loopback connection.
func pipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if near, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func session(t *testing.T, conn *amqp.Conn) (context.Context, *amqp.Session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	t.Cleanup(cancel)
	s, err := conn.NewSession(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, s
}

// accepting takes what a peer sends, keeps the bodies and accepts.
type accepting struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (a *accepting) attach(l *amqpserver.Link) error {
	l.Credit = 10
	l.OnDelivery = func(d *amqpserver.Delivery) {
		m, err := wire.ParseMessage(d.Payload)
		if err != nil {
			d.Settle(wire.Rejected{Error: &wire.Error{Condition: wire.CondDecodeError}})
			return
		}
		a.mu.Lock()
		a.bodies = append(a.bodies, bytes.Join(m.Data, nil))
		a.mu.Unlock()
		d.Settle(wire.Accepted{})
	}
	return nil
}

func TestSendToServer(t *testing.T) {
	for _, size := range []int{0, 1, 400, 200_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var got accepting
			conn := dial(t, &node{attach: got.attach}, amqpserver.Options{MaxFrameSize: 512, IncomingWindow: 1}, nil)
			ctx, s := session(t, conn)
			sender, err := s.NewSender(ctx, "in", nil)
			if err != nil {
				t.Fatal(err)
			}
			body := bytes.Repeat([]byte{7}, size)
			if err := sender.Send(ctx, amqp.NewMessage(body), nil); err != nil {
				t.Fatal(err)
			}
			if len(got.bodies) != 1 || !bytes.Equal(got.bodies[0], body) {
				t.Fatalf("got %d messages", len(got.bodies))
			}
		})
	}
}

func TestPipelinedReceipts(t *testing.T) {
	var got accepting
	conn := dial(t, &node{attach: got.attach}, amqpserver.Options{IncomingWindow: 7}, nil)
	ctx, s := session(t, conn)
	sender, err := s.NewSender(ctx, "in", nil)
	if err != nil {
		t.Fatal(err)
	}
	const count = 500
	var receipts []amqp.SendReceipt
	for i := range count {
		r, err := sender.SendWithReceipt(ctx, amqp.NewMessage(fmt.Appendf(nil, "%d", i)), nil)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	for i, r := range receipts {
		state, err := r.Wait(ctx)
		if _, ok := state.(*amqp.StateAccepted); err != nil || !ok {
			t.Fatalf("receipt %d: %T, %v", i, state, err)
		}
	}
	for i, b := range got.bodies {
		if string(b) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, b)
		}
	}
}

func TestOutcomesToSender(t *testing.T) {
	cases := []struct {
		outcome wire.Outcome
		want    amqp.DeliveryState
	}{
		{wire.Accepted{}, &amqp.StateAccepted{}},
		{wire.Released{}, &amqp.StateReleased{}},
		{wire.Modified{DeliveryFailed: true}, &amqp.StateModified{DeliveryFailed: true}},
		{
			wire.Rejected{Error: &wire.Error{Condition: "test:no", Description: "not this"}},
			&amqp.StateRejected{Error: &amqp.Error{Condition: "test:no", Description: "not this"}},
		},
		{nil, &amqp.StateReleased{}},
	}
	for _, mode := range []amqp.ReceiverSettleMode{amqp.ReceiverSettleModeFirst, amqp.ReceiverSettleModeSecond} {
		t.Run(mode.String(), func(t *testing.T) {
			next := 0
			n := &node{attach: func(l *amqpserver.Link) error {
				l.Credit = 1
				l.OnDelivery = func(d *amqpserver.Delivery) {
					d.Settle(cases[next].outcome)
					d.Settle(wire.Accepted{})
					next++
				}
				return nil
			}}
			conn := dial(t, n, amqpserver.Options{}, nil)
			ctx, s := session(t, conn)
			sender, err := s.NewSender(ctx, "in", &amqp.SenderOptions{RequestedReceiverSettleMode: mode.Ptr()})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				r, err := sender.SendWithReceipt(ctx, amqp.NewMessage([]byte("x")), nil)
				if err != nil {
					t.Fatal(err)
				}
				state, err := r.Wait(ctx)
				if err != nil || !reflect.DeepEqual(state, c.want) {
					t.Fatalf("%v, %v; want %v", state, err, c.want)
				}
			}
		})
	}
}

func TestSettledTransfers(t *testing.T) {
	var mu sync.Mutex
	count := 0
	all := make(chan struct{})
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit = 2
		l.OnDelivery = func(d *amqpserver.Delivery) {
			mu.Lock()
			defer mu.Unlock()
			if !d.Settled {
				t.Error("delivery is not settled")
			}
			if count++; count == 20 {
				close(all)
			}
		}
		return nil
	}}
	conn := dial(t, n, amqpserver.Options{}, nil)
	ctx, s := session(t, conn)
	sender, err := s.NewSender(ctx, "in", &amqp.SenderOptions{SettlementMode: amqp.SenderSettleModeSettled.Ptr()})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := sender.Send(ctx, amqp.NewMessage([]byte("x")), nil); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-all:
	case <-ctx.Done():
		t.Fatal("not all arrived")
	}
}

func TestMessageTooLarge(t *testing.T) {
	n := &node{attach: func(l *amqpserver.Link) error {
		l.Credit, l.MaxMessageSize = 1, 1000
		return nil
	}}
	conn := dial(t, n, amqpserver.Options{}, nil)
	ctx, s := session(t, conn)
	sender, err := s.NewSender(ctx, "in", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := sender.MaxMessageSize(); got != 1000 {
		t.Fatalf("max-message-size %d", got)
	}
}

func TestRefusedLink(t *testing.T) {
	n := &node{attach: func(l *amqpserver.Link) error {
		if l.Name() == "gone" {
			return errors.New("plain error")
		}
		return &wire.Error{Condition: wire.CondNotFound, Description: "no such node"}
	}}
	conn := dial(t, n, amqpserver.Options{}, nil)
	ctx, s := session(t, conn)
	var refused *amqp.Error
	if _, err := s.NewSender(ctx, "x", nil); !errors.As(err, &refused) || refused.Condition != amqp.ErrCondNotFound {
		t.Fatalf("sender: %v", err)
	}
	if _, err := s.NewReceiver(ctx, "x", nil); !errors.As(err, &refused) || refused.Description != "no such node" {
		t.Fatalf("receiver: %v", err)
	}
	if _, err := s.NewReceiver(ctx, "x", &amqp.ReceiverOptions{Name: "gone"}); !errors.As(err, &refused) || refused.Condition != amqp.ErrCondInternalError {
		t.Fatalf("receiver: %v", err)
	}
}
