package uplink

import (
	"bytes"
	"maps"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

type resolved struct {
	at  time.Time
	off time.Duration
}

func (r resolved) Resolve(clock.Stamp) (time.Time, time.Duration) { return r.at, r.off }

func TestNewMessage(t *testing.T) {
	at := time.Date(2026, 3, 4, 6, 6, 7, 89*int(time.Millisecond)+999, time.FixedZone("", 3600))
	id := store.ID{Store: [8]byte{0xa1, 2, 3, 4, 5, 6, 7, 8}, Epoch: 7, Class: store.Telemetry, Seq: 42}
	full := store.Record{
		ID: id, Kind: store.KindTelemetry, CorrelationID: "cmd-1", Subject: "boiler", ContentType: "application/json",
		Props: map[string]string{"sensor": "boiler", "quality": "humidity=bad:range"}, Body: []byte(`{"temperature":21.5}`),
	}
	bare := store.Record{ID: id, Kind: store.KindEvent, ContentType: "application/octet-stream", Body: []byte{0}}
	str := func(s string) *string { return &s }
	for _, v := range []struct {
		name   string
		record store.Record
		time   resolved
		props  map[string]any
		annot  amqp.Annotations
		p      amqp.MessageProperties
	}{
		{"full", full, resolved{at, 0},
			map[string]any{"sensor": "boiler", "quality": "humidity=bad:range", "seq": "42", "iothub-creation-time-utc": "2026-03-04T05:06:07.089Z"},
			amqp.Annotations{"dt-subject": "boiler"},
			amqp.MessageProperties{MessageID: "a102030405060708-7-2-42", CorrelationID: "cmd-1", ContentType: str("application/json"), ContentEncoding: str("utf-8")}},
		{"unknown time", bare, resolved{},
			map[string]any{"seq": "42"}, nil,
			amqp.MessageProperties{MessageID: "a102030405060708-7-2-42", ContentType: str("application/octet-stream")}},
		{"uncertain time", bare, resolved{at, 90*time.Second + 1500*time.Microsecond},
			map[string]any{"seq": "42", "iothub-creation-time-utc": "2026-03-04T05:06:07.089Z", "time-uncertainty": "90.002"}, nil,
			amqp.MessageProperties{MessageID: "a102030405060708-7-2-42", ContentType: str("application/octet-stream")}},
		{"a day", bare, resolved{at, 24 * time.Hour},
			map[string]any{"seq": "42", "iothub-creation-time-utc": "2026-03-04T05:06:07.089Z", "time-uncertainty": "86400"}, nil,
			amqp.MessageProperties{MessageID: "a102030405060708-7-2-42", ContentType: str("application/octet-stream")}},
		{"below a second", bare, resolved{at, time.Second - 1},
			map[string]any{"seq": "42", "iothub-creation-time-utc": "2026-03-04T05:06:07.089Z"}, nil,
			amqp.MessageProperties{MessageID: "a102030405060708-7-2-42", ContentType: str("application/octet-stream")}},
	} {
		t.Run(v.name, func(t *testing.T) {
			m, err := newMessage(&v.record, v.time)
			if err != nil {
				t.Fatal(err)
			}
			wire, err := m.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var got amqp.Message
			if err := got.UnmarshalBinary(wire); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got.ApplicationProperties, v.props) {
				t.Errorf("application properties %v, want %v", got.ApplicationProperties, v.props)
			}
			if !maps.Equal(got.Annotations, v.annot) {
				t.Errorf("annotations %v, want %v", got.Annotations, v.annot)
			}
			if g, w := got.Properties, v.p; g.MessageID != w.MessageID || g.CorrelationID != w.CorrelationID ||
				deref(g.ContentType) != deref(w.ContentType) || deref(g.ContentEncoding) != deref(w.ContentEncoding) {
				t.Errorf("properties %+v, want %+v", g, w)
			}
			if !bytes.Equal(got.GetData(), v.record.Body) || len(got.Data) != 1 {
				t.Errorf("body %q", got.Data)
			}
		})
	}
}

// sym8 is the constructor of a short symbol; AMQP 1.0 part 1, section 1.6.21.
const sym8 = "\xa3"

func TestMessageUsesSymbols(t *testing.T) {
	m, err := newMessage(&store.Record{Subject: "s", ContentType: "application/json"}, resolved{})
	if err != nil {
		t.Fatal(err)
	}
	wire, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"\x10application/json", "\x05utf-8", "\x0adt-subject"} {
		if !bytes.Contains(wire, []byte(sym8+s)) {
			t.Errorf("%q is not sent as a symbol", s[1:])
		}
	}
}

func TestMessageThatCannotBeEncoded(t *testing.T) {
	for name, r := range map[string]store.Record{
		"subject":        {Subject: "\xff"},
		"correlation id": {CorrelationID: "\xff"},
		"content type":   {ContentType: "text/plain\n"},
		"property value": {Props: map[string]string{"sensor": "\xff"}},
		"property name":  {Props: map[string]string{"\xff": ""}},
	} {
		if _, err := newMessage(&r, resolved{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
