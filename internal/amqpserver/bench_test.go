package amqpserver_test

import (
	"context"
	"net"
	"testing"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// BenchmarkReceipts is go-amqp sending 200-byte messages with 512 receipts open,
// over loopback TCP.
func BenchmarkReceipts(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	ended := make(chan error, 1)
	n := &node{closed: make(chan struct{}), attach: func(l *amqpserver.Link) error {
		l.Credit = 1000
		l.OnDelivery = func(d *amqpserver.Delivery) { d.Settle(wire.Accepted{}) }
		return nil
	}}
	go func() {
		far, err := listener.Accept()
		if err == nil {
			err = amqpserver.Serve(context.Background(), far, amqpserver.Options{Handler: n})
		}
		ended <- err
	}()
	ctx := b.Context()
	conn, err := amqp.Dial(ctx, "amqp://"+listener.Addr().String(), nil)
	if err != nil {
		b.Fatal(err)
	}
	s, err := conn.NewSession(ctx, nil)
	if err != nil {
		b.Fatal(err)
	}
	sender, err := s.NewSender(ctx, "in", nil)
	if err != nil {
		b.Fatal(err)
	}
	message := amqp.NewMessage(make([]byte, 200))
	var open []amqp.SendReceipt
	b.ReportAllocs()
	for b.Loop() {
		if len(open) == 512 {
			if _, err := open[0].Wait(ctx); err != nil {
				b.Fatal(err)
			}
			open = open[1:]
		}
		r, err := sender.SendWithReceipt(ctx, message, nil)
		if err != nil {
			b.Fatal(err)
		}
		open = append(open, r)
	}
	_ = conn.Close()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
