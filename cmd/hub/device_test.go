package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/uplink/auth"
)

// testDevice is the least a device can be: it sends telemetry and settles what
// it receives.
type testDevice struct {
	id      string
	conn    *amqp.Conn
	session *amqp.Session
}

func dialDevice(ctx context.Context, path, id string) (*testDevice, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file hubFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	cs, err := auth.ParseConnectionString(file.Devices[id])
	if err != nil {
		return nil, err
	}
	roots, err := readCA(file.CA)
	if err != nil {
		return nil, err
	}
	conn, err := amqp.Dial(ctx, "amqps://"+file.Listen, &amqp.ConnOptions{
		HostName: "localhost", TLSConfig: &tls.Config{ServerName: "localhost", RootCAs: roots},
	})
	if err != nil {
		return nil, err
	}
	if err := auth.PutToken(ctx, conn, cs.Audience(), cs.SharedAccessKey.Sign(cs.Audience(), "", time.Now().Add(time.Hour))); err != nil {
		conn.Close()
		return nil, err
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &testDevice{id: id, conn: conn, session: session}, nil
}

func (d *testDevice) send(ctx context.Context, messageID, body string) error {
	sender, err := d.session.NewSender(ctx, "/devices/"+d.id+"/messages/events", nil)
	if err != nil {
		return err
	}
	contentType, encoding := "application/json", "utf-8"
	return sender.Send(ctx, &amqp.Message{
		Properties:            &amqp.MessageProperties{MessageID: messageID, ContentType: &contentType, ContentEncoding: &encoding},
		Annotations:           amqp.Annotations{"dt-subject": "bme280"},
		ApplicationProperties: map[string]any{"iothub-creation-time-utc": "2026-03-01T12:00:00.000Z", "sensor": "bme280"},
		Data:                  [][]byte{[]byte(body)},
	}, nil)
}

// settle answers every message with accept, reject or release until ctx ends.
func (d *testDevice) settle(ctx context.Context, verdict string) {
	receiver, err := d.session.NewReceiver(ctx, "/devices/"+d.id+"/messages/devicebound", nil)
	if err != nil {
		return
	}
	for {
		msg, err := receiver.Receive(ctx, nil)
		if err != nil {
			return
		}
		switch verdict {
		case "accept":
			err = receiver.AcceptMessage(ctx, msg)
		case "reject":
			err = receiver.RejectMessage(ctx, msg, nil)
		case "release":
			err = receiver.ReleaseMessage(ctx, msg)
		}
		if err != nil {
			return
		}
	}
}

// channel attaches the two links of a twin or of methods.
func (d *testDevice) channel(ctx context.Context, address string) (*amqp.Receiver, *amqp.Sender, error) {
	properties := map[string]any{"com.microsoft:api-version": "2021-04-12", "com.microsoft:channel-correlation-id": "channel:1"}
	in, err := d.session.NewReceiver(ctx, address, &amqp.ReceiverOptions{Properties: properties})
	if err != nil {
		return nil, nil, err
	}
	out, err := d.session.NewSender(ctx, address, &amqp.SenderOptions{Properties: properties})
	return in, out, err
}

// replyToMethods says on ready that it listens, and replies until ctx ends.
func (d *testDevice) replyToMethods(ctx context.Context, status int32, ready chan<- error) {
	in, out, err := d.channel(ctx, "/devices/"+d.id+"/methods/devicebound")
	ready <- err
	for err == nil {
		var msg *amqp.Message
		if msg, err = in.Receive(ctx, nil); err == nil {
			err = out.Send(ctx, &amqp.Message{
				Properties:            &amqp.MessageProperties{CorrelationID: msg.Properties.CorrelationID},
				ApplicationProperties: map[string]any{"IoThub-status": status},
				Data:                  msg.Data,
			}, nil)
		}
	}
}

func (d *testDevice) report(ctx context.Context, patch string) error {
	in, out, err := d.channel(ctx, "/devices/"+d.id+"/twin")
	if err != nil {
		return err
	}
	err = out.Send(ctx, &amqp.Message{
		Properties:  &amqp.MessageProperties{CorrelationID: "1"},
		Annotations: amqp.Annotations{"operation": "PATCH", "resource": "/properties/reported"},
		Data:        [][]byte{[]byte(patch)},
	}, nil)
	if err != nil {
		return err
	}
	reply, err := in.Receive(ctx, nil)
	if err == nil && reply.Annotations["status"] != int32(204) {
		err = fmt.Errorf("report refused with status %v: %s", reply.Annotations["status"], reply.GetData())
	}
	return err
}
