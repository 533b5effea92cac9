package hub_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// A test of another project starts a hub, gives its device program the
// connection string and the authority to trust, and looks at what arrives. The
// part of the device is played by a bare AMQP client here.
func Example() {
	h, err := hub.New(hub.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	stopped := make(chan error, 1)
	go func() { stopped <- h.Run(ctx) }()
	defer func() { cancel(); <-stopped }()

	device, err := h.AddDevice("gateway-7")
	if err != nil {
		log.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(h.CAPEM())

	password := token(h.HostName()+"/devices/gateway-7", device.PrimaryKey.Base64(), "", time.Now().Add(time.Hour))
	conn, err := amqp.Dial(ctx, "amqps://"+h.Addr(), &amqp.ConnOptions{
		HostName:  "localhost",
		TLSConfig: &tls.Config{RootCAs: trusted, ServerName: "localhost"},
		SASLType:  amqp.SASLTypePlain("gateway-7@sas.localhost", password),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	sender, err := session.NewSender(ctx, "/devices/gateway-7/messages/events", nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := sender.Send(ctx, amqp.NewMessage([]byte(`{"temperature":21.5}`)), nil); err != nil {
		log.Fatal(err)
	}

	for _, e := range h.Events() {
		fmt.Println(e.DeviceID, e.Annotations["iothub-message-source"], string(e.Body))
	}
	// Output: gateway-7 Telemetry {"temperature":21.5}
}
