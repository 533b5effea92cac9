package amqpserver_test

import (
	"context"
	"fmt"
	"net"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// greeter accepts every message and prints it.
type greeter struct{}

func (greeter) Authenticate(*amqpserver.Conn, string, []byte) error { return nil }
func (greeter) Opened(*amqpserver.Conn) error                       { return nil }
func (greeter) Closed(*amqpserver.Conn)                             { fmt.Println("closed") }

func (greeter) Attach(l *amqpserver.Link) error {
	if !l.PeerSends() {
		return &wire.Error{Condition: wire.CondNotAllowed, Description: "nothing to be read here"}
	}
	l.Credit = 100
	l.OnDelivery = func(d *amqpserver.Delivery) {
		m, err := wire.ParseMessage(d.Payload)
		if err != nil {
			d.Settle(wire.Rejected{Error: &wire.Error{Condition: wire.CondDecodeError, Description: err.Error()}})
			return
		}
		fmt.Printf("%s to %s: %s\n", m.Properties.MessageID, l.Target.Address, m.Data[0])
		d.Settle(wire.Accepted{})
	}
	return nil
}

func ExampleServe() {
	near, far := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- amqpserver.Serve(context.Background(), far, amqpserver.Options{Handler: greeter{}})
	}()

	ctx := context.Background()
	conn, err := amqp.NewConn(ctx, near, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	sender, err := session.NewSender(ctx, "/door", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	message := amqp.NewMessage([]byte("hello"))
	message.Properties = &amqp.MessageProperties{MessageID: "1"}
	receipt, err := sender.SendWithReceipt(ctx, message, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	state, err := receipt.Wait(ctx)
	_, accepted := state.(*amqp.StateAccepted)
	fmt.Println("accepted:", accepted, err)
	_ = conn.Close()
	fmt.Println(<-ended)
	// Output:
	// 1 to /door: hello
	// accepted: true <nil>
	// closed
	// <nil>
}
