package amqpserver_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

func TestSASL(t *testing.T) {
	cases := []struct {
		name  string
		sasl  amqp.SASLType
		wants string
	}{
		{"none", nil, ""},
		{"anonymous", amqp.SASLTypeAnonymous(), "ANONYMOUS anonymous"},
		{"plain", amqp.SASLTypePlain("user", "word"), "PLAIN \x00user\x00word"},
		{"external", amqp.SASLTypeExternal("me"), "EXTERNAL me"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			n := &node{authenticate: func(mechanism string, response []byte) error {
				got = mechanism + " " + string(response)
				return nil
			}}
			o := amqpserver.Options{Mechanisms: []wire.Symbol{"PLAIN", "ANONYMOUS", "MSSBCBS", "EXTERNAL"}}
			conn := dial(t, n, o, &amqp.ConnOptions{SASLType: c.sasl})
			session(t, conn)
			if got != c.wants {
				t.Fatalf("%q", got)
			}
		})
	}
}

func TestSASLRefused(t *testing.T) {
	n := &node{authenticate: func(string, []byte) error { return errors.New("bad password") }}
	near, ended := serve(t, n, amqpserver.Options{Mechanisms: []wire.Symbol{"PLAIN"}})
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	if _, err := amqp.NewConn(ctx, near, &amqp.ConnOptions{SASLType: amqp.SASLTypePlain("a", "b")}); err == nil {
		t.Fatal("connected")
	}
	if err := <-ended; err == nil || !bytes.Contains([]byte(err.Error()), []byte("bad password")) {
		t.Fatalf("server: %v", err)
	}
	<-n.closed
}

func TestRefusedConnection(t *testing.T) {
	n := &node{opened: func(*amqpserver.Conn) error {
		return &wire.Error{Condition: wire.CondUnauthorizedAccess, Description: "not you"}
	}}
	near, ended := serve(t, n, amqpserver.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	conn, err := amqp.NewConn(ctx, near, nil)
	if err == nil {
		_, err = conn.NewSession(ctx, nil)
	}
	var refused *amqp.ConnError
	if !errors.As(err, &refused) || refused.RemoteErr == nil || refused.RemoteErr.Description != "not you" {
		t.Fatalf("client: %v", err)
	}
	var e *wire.Error
	if err := <-ended; !errors.As(err, &e) || e.Condition != wire.CondUnauthorizedAccess {
		t.Fatalf("server: %v", err)
	}
}

func TestServerStops(t *testing.T) {
	n := &node{closed: make(chan struct{})}
	near, far := pipe(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- amqpserver.Serve(ctx, far, amqpserver.Options{Handler: n}) }()
	conn, err := amqp.NewConn(t.Context(), near, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	select {
	case <-conn.Done():
	case <-time.After(hang):
		t.Fatal("client was not told")
	}
	var told *amqp.ConnError
	if err := conn.Err(); !errors.As(err, &told) || told.RemoteErr == nil || told.RemoteErr.Condition != amqp.ErrCondConnectionForced {
		t.Fatalf("client: %v", conn.Err())
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("server: %v", err)
	}
}

// Settle, Send, Available and Detach from many goroutines at once, on links of
// one connection, both directions.
func TestConcurrentUse(t *testing.T) {
	const senders, each = 4, 100
	var work sync.WaitGroup
	defer work.Wait()
	out := make(chan *amqpserver.Link, 1)
	credit := make(chan struct{}, 1)
	n := &node{attach: func(l *amqpserver.Link) error {
		if !l.PeerSends() {
			l.OnCredit = func() {
				select {
				case credit <- struct{}{}:
				default:
				}
			}
			out <- l
			return nil
		}
		l.Credit = 16
		l.OnDelivery = func(d *amqpserver.Delivery) {
			work.Go(func() { d.Settle(wire.Accepted{}) })
		}
		return nil
	}}
	conn := dial(t, n, amqpserver.Options{IncomingWindow: 3}, nil)
	ctx, s := session(t, conn)
	receiver, err := s.NewReceiver(ctx, "out", &amqp.ReceiverOptions{Credit: 8})
	if err != nil {
		t.Fatal(err)
	}
	l := <-out
	payload := marshal(t, &wire.Message{Data: [][]byte{make([]byte, 3000)}})
	for range senders {
		work.Go(func() {
			for sent := 0; sent < each; {
				if err := l.Send(payload, amqpserver.SendOptions{}); err == nil {
					sent++
					continue
				}
				select {
				case <-credit:
				case <-ctx.Done():
					return
				}
			}
			select { // the last one out wakes the next
			case credit <- struct{}{}:
			default:
			}
		})
	}
	for range senders {
		sender, err := s.NewSender(ctx, "in", nil)
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			for range each {
				if err := sender.Send(ctx, amqp.NewMessage([]byte("x")), nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range senders * each {
		m, err := receiver.Receive(ctx, nil)
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if err := receiver.AcceptMessage(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	l.Detach(nil)
}
