package service

import (
	"reflect"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func TestEventOf(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	contentType, encoding := "application/json", "utf-8"
	msg := &amqp.Message{
		Annotations: amqp.Annotations{
			"iothub-connection-device-id": "d1", "x-opt-sequence-number": int64(7), "x-opt-offset": "4096",
			"x-opt-enqueued-time": at, "dt-subject": "bme280",
		},
		Properties: &amqp.MessageProperties{MessageID: "m1", CorrelationID: uint64(9), ContentType: &contentType, ContentEncoding: &encoding},
		ApplicationProperties: map[string]any{
			"sensor": "bme280", "seq": int32(12), "alarm": true, "iothub-creation-time-utc": "2026-03-01T11:59:59.500Z", "blob": []byte{1, 0xff},
		},
		Data: [][]byte{[]byte(`{"a":`), []byte(`1}`)},
	}
	want := Event{
		DeviceID: "d1", Partition: "2", SequenceNumber: 7, Offset: "4096", Enqueued: at, MessageID: "m1", CorrelationID: "9",
		ContentType: "application/json", Encoding: "utf-8", Subject: "bme280",
		Properties: map[string]string{"sensor": "bme280", "seq": "12", "alarm": "true", "iothub-creation-time-utc": "2026-03-01T11:59:59.500Z", "blob": "01ff"},
		Body:       []byte(`{"a":1}`), Created: at.Add(-500 * time.Millisecond),
	}
	if got := eventOf("2", msg); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := eventOf("0", &amqp.Message{}); !reflect.DeepEqual(got, Event{Partition: "0", Properties: map[string]string{}, Body: []byte{}}) {
		t.Errorf("of an empty message: %+v", got)
	}
}

func TestBodyOfValues(t *testing.T) {
	cases := []struct {
		value any
		want  string
	}{
		{"text", "text"},
		{[]byte("bytes"), "bytes"},
		{int64(-5), "-5"},
		{map[string]any{"a": int64(1)}, `{"a":1}`},
		{[]any{"a", int32(2)}, `["a",2]`},
		{amqp.UUID{0x01}, "01000000-0000-0000-0000-000000000000"},
	}
	for _, c := range cases {
		if got := string(bodyOf(&amqp.Message{Value: c.value})); got != c.want {
			t.Errorf("%#v: got %s, want %s", c.value, got, c.want)
		}
	}
}

func TestToInt(t *testing.T) {
	for _, v := range []any{int8(7), int16(7), int32(7), int64(7), uint8(7), uint16(7), uint32(7), uint64(7)} {
		if n, ok := toInt(v); n != 7 || !ok {
			t.Errorf("%T: got %d, %v", v, n, ok)
		}
	}
	for _, v := range []any{nil, "7", 7.0, ^uint64(0)} {
		if n, ok := toInt(v); ok {
			t.Errorf("%#v was taken for %d", v, n)
		}
	}
}
