package service_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/internal/service"
	"fieldpost/uplink/auth"
)

func TestSendAndFeedback(t *testing.T) {
	b := newBench(t, hub.Options{}, "d1")
	c := b.client(service.Options{})
	feedback, err := c.Feedback(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer feedback.Close()
	commands := b.commands("d1")
	expiry := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	err = c.Send(b.ctx, service.C2D{
		DeviceID: "d1", MessageID: "m1", CorrelationID: "c1", ContentType: "application/json",
		Body: []byte(`{"on":true}`), Properties: map[string]string{"command": "output.set"}, Ack: service.AckFull, Expiry: expiry,
	})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := commands.Receive(b.ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := msg.Properties
	if string(msg.GetData()) != `{"on":true}` || p.MessageID != "m1" || p.CorrelationID != "c1" || *p.ContentType != "application/json" ||
		!p.AbsoluteExpiryTime.Equal(expiry) || !strings.EqualFold(*p.To, "/devices/d1/messages/devicebound") {
		t.Errorf("received %s with %+v", msg.GetData(), p)
	}
	if msg.ApplicationProperties["command"] != "output.set" || msg.ApplicationProperties["iothub-ack"] != "full" {
		t.Errorf("application properties %v", msg.ApplicationProperties)
	}
	if err := commands.RejectMessage(b.ctx, msg, &amqp.Error{Condition: amqp.ErrCondNotImplemented}); err != nil {
		t.Fatal(err)
	}
	records, err := feedback.Next(b.ctx)
	if err != nil || len(records) != 1 {
		t.Fatalf("feedback %v, %v", records, err)
	}
	r := records[0]
	if r.MessageID != "m1" || r.DeviceID != "d1" || r.Status != service.StatusRejected || r.DeviceGeneration == "" || time.Since(r.At) > hangLimit {
		t.Errorf("record %+v", r)
	}
	// It is settled: another reader sees only what comes after it.
	if err := feedback.Close(); err != nil {
		t.Fatal(err)
	}
	if feedback, err = c.Feedback(b.ctx); err != nil {
		t.Fatal(err)
	}
	defer feedback.Close()
	if err := c.Send(b.ctx, service.C2D{DeviceID: "d1", MessageID: "m2", Ack: service.AckPositive}); err != nil {
		t.Fatal(err)
	}
	if msg, err = commands.Receive(b.ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := commands.AcceptMessage(b.ctx, msg); err != nil {
		t.Fatal(err)
	}
	if records, err = feedback.Next(b.ctx); err != nil || len(records) != 1 || records[0].MessageID != "m2" || records[0].Status != service.StatusSuccess {
		t.Errorf("feedback %+v, %v", records, err)
	}
}

func TestSendRefused(t *testing.T) {
	b := newBench(t, hub.Options{}, "d1", "a#b")
	c := b.client(service.Options{})
	refused := func(err error, condition string, code int, hint string) {
		t.Helper()
		var said *service.HubError
		if !errors.As(err, &said) || said.Condition != condition || said.Code != code || !strings.Contains(said.Hint(), hint) {
			t.Errorf("got %v (%+v), want %s %d", err, said, condition, code)
		}
	}
	for range 50 {
		if err := c.Send(b.ctx, service.C2D{DeviceID: "d1"}); err != nil {
			t.Fatal(err)
		}
	}
	refused(c.Send(b.ctx, service.C2D{DeviceID: "d1"}), "amqp:resource-limit-exceeded", 403004, "queue is full")
	refused(c.Send(b.ctx, service.C2D{DeviceID: "a#b", Expiry: time.Now().Add(49 * time.Hour)}), "com.microsoft:argument-error", 403009, "two days")
	refused(c.Send(b.ctx, service.C2D{DeviceID: "nobody"}), "amqp:not-found", 404001, "no such device")
	refused(c.Send(b.ctx, service.C2D{DeviceID: "a#b", Body: make([]byte, 70_000)}), "amqp:link:message-size-exceeded", 0, "64 KB")
	// A refusal ends neither the link nor the client.
	if err := c.Send(b.ctx, service.C2D{DeviceID: "a#b"}); err != nil {
		t.Error(err)
	}
	for _, m := range []service.C2D{{}, {DeviceID: "d1", Ack: "all"}} {
		if err := c.Send(b.ctx, m); !errors.Is(err, service.ErrConfig) {
			t.Errorf("%+v: got %v, want ErrConfig", m, err)
		}
	}
}

func TestDialRefused(t *testing.T) {
	b := newBench(t, hub.Options{}, "d1")
	device, err := b.hub.DeviceConnectionString("d1")
	if err != nil {
		t.Fatal(err)
	}
	good := b.hub.ServiceConnectionString()
	for text, part := range map[string]string{
		"":     "",
		device: "SharedAccessKeyName",
		"HostName=localhost;SharedAccessKeyName=service": "SharedAccessKey",
	} {
		if _, err := service.Dial(b.ctx, service.Options{ConnectionString: text}); !errors.Is(err, service.ErrConfig) || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: got %v, want ErrConfig about %q", text, err, part)
		}
	}
	wrongKey := good[:strings.LastIndex(good, "SharedAccessKey=")] + "SharedAccessKey=c2VjcmV0"
	var refused *auth.RefusedError
	_, err = service.Dial(b.ctx, service.Options{ConnectionString: wrongKey, RootCAs: b.roots, Addr: b.hub.Addr()})
	if !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("wrong key: %v", err)
	}
	if _, err := service.Dial(b.ctx, service.Options{ConnectionString: good, Addr: b.hub.Addr()}); err == nil {
		t.Error("an unknown authority was trusted")
	}
	b.hub.Cut()
	var network *net.OpError
	if _, err := service.Dial(b.ctx, service.Options{ConnectionString: good, RootCAs: b.roots, Addr: b.hub.Addr()}); !errors.As(err, &network) {
		t.Errorf("no hub: %v", err)
	}
}

func TestCallsEnd(t *testing.T) {
	b := newBench(t, hub.Options{}, "d1")
	c := b.client(service.Options{})
	feedback, err := c.Feedback(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	events := b.events(c, service.From{})
	ended, cancel := context.WithCancel(b.ctx)
	cancel()
	if _, err := feedback.Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("feedback with an ended context: %v", err)
	}
	if _, err := events.Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("events with an ended context: %v", err)
	}
	if err := c.Send(ended, service.C2D{DeviceID: "d1"}); !errors.Is(err, context.Canceled) {
		t.Errorf("send with an ended context: %v", err)
	}
	b.hub.Cut()
	if _, err := feedback.Next(b.ctx); err == nil || b.ctx.Err() != nil {
		t.Errorf("feedback without a hub: %v", err)
	}
	if _, err := events.Next(b.ctx); err == nil || b.ctx.Err() != nil {
		t.Errorf("events without a hub: %v", err)
	}
	if err := c.Send(b.ctx, service.C2D{DeviceID: "d1"}); err == nil || b.ctx.Err() != nil {
		t.Errorf("send without a hub: %v", err)
	}
}
