package hub_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// A device program meets a hub that throttles its first message, once.
func ExampleHub_Inject() {
	h, err := hub.New(hub.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	stopped := make(chan error, 1)
	go func() { stopped <- h.Run(ctx) }()
	defer func() { cancel(); <-stopped }()

	throttle := h.Inject(hub.MustParseFault("throttle device=gateway-7 count=1"))
	sender, err := telemetrySender(ctx, h, "gateway-7")
	if err != nil {
		log.Fatal(err)
	}
	for {
		err := sender.Send(ctx, amqp.NewMessage([]byte(`{"temperature":21.5}`)), nil)
		if err == nil {
			break
		}
		var refused *amqp.Error
		if !errors.As(err, &refused) {
			log.Fatal(err)
		}
		fmt.Println(refused.Condition) // a program that lives longer waits here
	}
	if err := h.AwaitFault(ctx, throttle, 1); err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.EventCount(), "event")
	// Output:
	// com.microsoft:device-container-throttled
	// 1 event
}

// telemetrySender connects as a device that it registers.
func telemetrySender(ctx context.Context, h *hub.Hub, id string) (*amqp.Sender, error) {
	device, err := h.AddDevice(id)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(h.CAPEM())
	password := token(h.HostName()+"/devices/"+id, device.PrimaryKey.Base64(), "", time.Now().Add(time.Hour))
	conn, err := amqp.Dial(ctx, "amqps://"+h.Addr(), &amqp.ConnOptions{
		HostName:  "localhost",
		TLSConfig: &tls.Config{RootCAs: trusted, ServerName: "localhost"},
		SASLType:  amqp.SASLTypePlain(id+"@sas.localhost", password),
	})
	if err != nil {
		return nil, err
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return nil, err
	}
	return session.NewSender(ctx, "/devices/"+id+"/messages/events", nil)
}
