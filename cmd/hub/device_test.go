package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
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

// settle answers every message until ctx ends.
func (d *testDevice) settle(ctx context.Context, accept bool) {
	receiver, err := d.session.NewReceiver(ctx, "/devices/"+d.id+"/messages/devicebound", nil)
	if err != nil {
		return
	}
	for {
		msg, err := receiver.Receive(ctx, nil)
		if err != nil {
			return
		}
		if accept {
			err = receiver.AcceptMessage(ctx, msg)
		} else {
			err = receiver.RejectMessage(ctx, msg, nil)
		}
		if err != nil {
			return
		}
	}
}
