package hub_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestTelemetryIsLoggedAndStamped(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	before := time.Now().Add(-time.Millisecond)
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	if s.MaxMessageSize() != 1048576 {
		t.Errorf("max-message-size is %d, want 1048576", s.MaxMessageSize())
	}
	contentType, encoding := "application/json", "utf-8"
	d.accepted(s, &amqp.Message{
		Annotations: amqp.Annotations{
			"dt-subject":                  "bme280",
			"iothub-connection-device-id": "somebody else",
			"iothub-enqueuedtime":         time.Unix(0, 0),
			"iothub-message-source":       "Twin",
			"x-opt-sequence-number":       int64(99),
			"x-opt-other":                 "x",
		},
		Properties: &amqp.MessageProperties{
			MessageID: "m-1", CorrelationID: uint64(7), ContentType: &contentType, ContentEncoding: &encoding,
		},
		ApplicationProperties: map[string]any{"sensor": "bme280", "seq": int64(5), "ok": true},
		Data:                  [][]byte{[]byte(`{"temperature":21.5}`)},
	})
	events := r.hub.Events()
	if len(events) != 1 || r.hub.EventCount() != 1 {
		t.Fatalf("%d events", len(events))
	}
	e := events[0]
	if e.DeviceID != "dev1" || string(e.Body) != `{"temperature":21.5}` || e.MessageID != "m-1" || e.CorrelationID != "7" ||
		e.ContentType != contentType || e.ContentEncoding != encoding || e.SequenceNumber != 0 || e.Offset != 0 || e.Enqueued.Before(before) {
		t.Errorf("event %+v", e)
	}
	if e.Properties["sensor"] != "bme280" || e.Properties["seq"] != int64(5) || e.Properties["ok"] != true || len(e.Properties) != 3 {
		t.Errorf("properties %v", e.Properties)
	}
	want := map[string]any{
		"dt-subject":                           "bme280",
		"iothub-connection-device-id":          "dev1",
		"iothub-connection-auth-generation-id": r.hub.Devices()[0].GenerationID,
		"iothub-connection-auth-method":        `{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}`,
		"iothub-message-source":                "Telemetry",
		"x-opt-sequence-number":                int64(0),
		"x-opt-offset":                         "0",
		"x-opt-partition-key":                  "dev1",
	}
	for key, value := range want {
		if e.Annotations[key] != value {
			t.Errorf("annotation %s is %v, want %v", key, e.Annotations[key], value)
		}
	}
	for _, key := range []string{"iothub-enqueuedtime", "x-opt-enqueued-time"} {
		if at, ok := e.Annotations[key].(time.Time); !ok || at.Before(before) {
			t.Errorf("annotation %s is %v", key, e.Annotations[key])
		}
	}
	if len(e.Annotations) != len(want)+2 {
		t.Errorf("annotations %v", e.Annotations)
	}
}

func TestTelemetryAddressForms(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev:1#a")
	d := r.asDevice("dev:1#a")
	for _, address := range []string{
		"/devices/dev:1%23a/messages/events",
		"devices/dev%3A1%23a/messages/events",
		"amqps://" + r.hub.HostName() + "/devices/dev:1%23a/messages/Events",
	} {
		d.accepted(d.sender(address), amqp.NewMessage([]byte(address)))
	}
	if n := r.hub.EventCount(); n != 3 {
		t.Errorf("%d events", n)
	}
}

func TestTelemetryBatchIsSplit(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	batch := &amqp.Message{Format: 0x80013700}
	for i := range 3 {
		inner, err := (&amqp.Message{
			Properties:            &amqp.MessageProperties{MessageID: fmt.Sprintf("m-%d", i)},
			ApplicationProperties: map[string]any{"n": fmt.Sprint(i)},
			Data:                  [][]byte{[]byte(fmt.Sprintf("body %d", i))},
		}).MarshalBinary()
		r.must(err)
		batch.Data = append(batch.Data, inner)
	}
	d.accepted(s, batch)
	events := r.hub.Events()
	if len(events) != 3 {
		t.Fatalf("%d events, want 3", len(events))
	}
	for i, e := range events {
		if e.SequenceNumber != int64(i) || string(e.Body) != fmt.Sprintf("body %d", i) || e.MessageID != fmt.Sprintf("m-%d", i) ||
			e.Properties["n"] != fmt.Sprint(i) || e.Annotations["iothub-connection-device-id"] != "dev1" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
}

func TestTelemetryThatCannotBeReadIsRejected(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	good, err := amqp.NewMessage([]byte("x")).MarshalBinary()
	r.must(err)
	for name, m := range map[string]*amqp.Message{
		"batch with a bad message": {Format: 0x80013700, Data: [][]byte{good, {0x00, 0x53, 0xff}}},
		"batch of nothing":         {Format: 0x80013700, Value: "x"},
		"unknown format":           {Format: 7, Data: [][]byte{good}},
	} {
		e := d.rejected(s, m)
		if f := describe(t, e); e.Condition != amqp.ErrCondDecodeError || f.ErrorCode != 400000 || f.TrackingID == "" {
			t.Errorf("%s: %v", name, e)
		}
	}
	if n := r.hub.EventCount(); n != 0 {
		t.Errorf("%d events logged", n)
	}
	d.accepted(s, amqp.NewMessage([]byte("the link goes on")))
}

func TestTelemetryTooLargeIsRejected(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	e := d.rejected(s, amqp.NewMessage(bytes.Repeat([]byte("x"), 256<<10)))
	if e.Condition != amqp.ErrCondMessageSizeExceeded || !strings.Contains(e.Description, "262144") {
		t.Errorf("error %v", e)
	}
	if id, ok := e.Info["com.microsoft:tracking-id"].(string); !ok || id == "" || e.Info["com.microsoft:is-filtered"] != true {
		t.Errorf("info %v", e.Info)
	}
	// A batch counts as a whole, and none of it is logged.
	inner, err := amqp.NewMessage(bytes.Repeat([]byte("x"), 100<<10)).MarshalBinary()
	r.must(err)
	e = d.rejected(s, &amqp.Message{Format: 0x80013700, Data: [][]byte{inner, inner, inner}})
	if e.Condition != amqp.ErrCondMessageSizeExceeded {
		t.Errorf("batch: %v", e)
	}
	d.accepted(s, amqp.NewMessage(bytes.Repeat([]byte("x"), 255<<10)))
	if n := r.hub.EventCount(); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestOutcomeDecides(t *testing.T) {
	decide := func(e hub.Event) hub.Settlement {
		switch string(e.Body) {
		case "release":
			return hub.Release
		case "modify":
			return hub.Modify
		case "reject":
			return hub.RejectWith("com.microsoft:device-container-throttled", "slow down")
		case "nil":
			return nil
		default:
			return hub.Accept
		}
	}
	r := newRig(t, hub.Options{Outcome: decide})
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	d.accepted(s, amqp.NewMessage([]byte("accept")))
	d.accepted(s, amqp.NewMessage([]byte("nil")))
	if state, ok := d.outcome(s, amqp.NewMessage([]byte("release"))).(*amqp.StateReleased); !ok {
		t.Errorf("release gives %T", state)
	}
	if state, ok := d.outcome(s, amqp.NewMessage([]byte("modify"))).(*amqp.StateModified); !ok || !state.DeliveryFailed {
		t.Errorf("modify gives %T", state)
	}
	if e := d.rejected(s, amqp.NewMessage([]byte("reject"))); e.Condition != "com.microsoft:device-container-throttled" || e.Description != "slow down" {
		t.Errorf("reject gives %v", e)
	}
	if n := r.hub.EventCount(); n != 2 {
		t.Errorf("%d events logged, want the two accepted", n)
	}
}

// A batch has one outcome: nothing of it is stored when the hub keeps one of its
// events out, whatever it says of those before.
func TestOutcomeOfABatch(t *testing.T) {
	var asked []string
	r := newRig(t, hub.Options{Outcome: func(e hub.Event) hub.Settlement {
		asked = append(asked, string(e.Body))
		return map[string]hub.Settlement{"silent": hub.NoAnswer, "drop": hub.DropConnection, "release": hub.Release}[string(e.Body)]
	}})
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	batch := &amqp.Message{Format: 0x80013700}
	for _, body := range []string{"fine", "silent", "drop", "release", "fine"} {
		inner, err := amqp.NewMessage([]byte(body)).MarshalBinary()
		r.must(err)
		batch.Data = append(batch.Data, inner)
	}
	if state, ok := d.outcome(s, batch).(*amqp.StateReleased); !ok || r.hub.EventCount() != 0 {
		t.Errorf("outcome %T, %d events logged", state, r.hub.EventCount())
	}
	if got := strings.Join(asked, " "); got != "fine silent drop release" {
		t.Errorf("asked about %s", got)
	}
	batch.Data = batch.Data[:3]
	_, err := s.SendWithReceipt(r.ctx, batch, nil)
	r.must(err)
	d.accepted(s, amqp.NewMessage([]byte("fine")))
	if n := r.hub.EventCount(); n != 4 {
		t.Errorf("%d events logged, want the silent batch and one more", n)
	}
}

func TestOutcomeNoAnswerLogsAndStaysSilent(t *testing.T) {
	seen := make(chan hub.Event, 2)
	r := newRig(t, hub.Options{Outcome: func(e hub.Event) hub.Settlement {
		seen <- e
		if string(e.Body) == "silent" {
			return hub.NoAnswer
		}
		return hub.Accept
	}})
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	unanswered, err := s.SendWithReceipt(r.ctx, amqp.NewMessage([]byte("silent")), nil)
	r.must(err)
	d.accepted(s, amqp.NewMessage([]byte("answered")))
	if e := <-seen; string(e.Body) != "silent" || e.SequenceNumber != -1 {
		t.Errorf("saw %+v", e)
	}
	if n := r.hub.EventCount(); n != 2 {
		t.Errorf("%d events logged, want both", n)
	}
	s.Close(r.ctx)
	if state, err := unanswered.Wait(r.ctx); err == nil {
		t.Errorf("answered with %T", state)
	}
}

func TestOutcomeDropConnectionLogsAndDrops(t *testing.T) {
	r := newRig(t, hub.Options{Outcome: func(hub.Event) hub.Settlement { return hub.DropConnection }})
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	var lost *amqp.ConnError
	if err := s.Send(r.ctx, amqp.NewMessage([]byte("x")), nil); !asError(err, &lost) || lost.RemoteErr != nil {
		t.Errorf("send gives %v, want a dropped connection", err)
	}
	if n := r.hub.EventCount(); n != 1 {
		t.Errorf("%d events logged", n)
	}
}
