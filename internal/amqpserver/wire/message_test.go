package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestMessages(t *testing.T) {
	when := time.UnixMilli(1_700_000_000_123).UTC()
	cases := []struct {
		name, hex string
		message   *Message
	}{
		{"nothing", "", &Message{}},
		// Captured from azure-iot-device 1.18.4, the body shortened.
		{
			"telemetry",
			"00537045 005373d00000004e00000008 a1056d73672d31 40 a11d2f646576696365732f646576312f6d657373616765732f6576656e7473 40 40" +
				"a106636f72722d31 a3106170706c69636174696f6e2f6a736f6e a3057574662d38" +
				"005375a0037b7d0a",
			&Message{
				Header: &Header{Priority: 4},
				Properties: &Properties{
					MessageID: "msg-1", To: "/devices/dev1/messages/events", CorrelationID: "corr-1",
					ContentType: "application/json", ContentEncoding: "utf-8",
				},
				Data: [][]byte{[]byte("{}\n")},
			},
		},
		{
			"everything",
			list("70", "41", "5007", "7000010000", "41", "5203") +
				"005371c10702a3016ba10176" + "005372c10502a3016b43" +
				list("73", "980102030405060708090a0b0c0d0e0f10", "a00175", "a10174", "a10173", "a10172", "5309", "a30163", "a30165",
					"830000018bcfe5687b", "830000018bcfe5687b", "a10167", "5204", "a10168") +
				"005374c10702a1016ba10176" + "005375a00161" + "005375b00000000162" + "005378c10702a3016ba10176",
			&Message{
				Header:              &Header{Durable: true, Priority: 7, TTL: 65536, FirstAcquirer: true, DeliveryCount: 3},
				DeliveryAnnotations: Map{Symbol("k"): "v"}, Annotations: Map{Symbol("k"): uint32(0)},
				Properties: &Properties{
					MessageID: UUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, UserID: []byte("u"), To: "t", Subject: "s",
					ReplyTo: "r", CorrelationID: uint64(9), ContentType: "c", ContentEncoding: "e",
					AbsoluteExpiryTime: when, CreationTime: when, GroupID: "g", GroupSequence: 4, ReplyToGroupID: "h",
				},
				ApplicationProperties: Map{"k": "v"}, Data: [][]byte{[]byte("a"), []byte("b")}, Footer: Map{Symbol("k"): "v"},
			},
		},
		{"value", "005377a10178", &Message{Value: "x", HasValue: true}},
		{"null value", "00537740", &Message{HasValue: true}},
		{"sequences", "005376c0020141 00537645", &Message{Sequence: []List{{true}, nil}}},
		{"null annotations", "00537240 005375a000", &Message{Data: [][]byte{{}}}},
		{"symbolic", "00a310616d71703a646174613a62696e617279a000", &Message{Data: [][]byte{{}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseMessage(unhex(t, c.hex))
			if err != nil || !reflect.DeepEqual(got, c.message) {
				t.Fatalf("%+v, %v; want %+v", got, err, c.message)
			}
			b, err := c.message.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseMessage(b); err != nil || !reflect.DeepEqual(again, c.message) {
				t.Fatalf("comes back as %+v, %v", again, err)
			}
		})
	}
}

func TestBadMessages(t *testing.T) {
	for name, s := range map[string]string{
		"no section":               "41",
		"performative":             list("17"),
		"cut short":                "005375a005",
		"header twice":             list("70") + list("70"),
		"wrong order":              list("73") + list("70"),
		"data after value":         "00537740 005375a000",
		"value after data":         "005375a000 00537740",
		"value twice":              "00537740 00537740",
		"header after data":        "005375a000" + list("70"),
		"header a map":             "005370c10100",
		"annotations a list":       "00537245",
		"application key a symbol": "005374c10702a3016ba10176",
		"data a string":            "005375a100",
		"sequence a value":         "00537641",
		"message-id an int":        list("73", "5401"),
		"message-id described":     list("73", "005305a100"),
		"priority a uint":          list("70", "40", "5201"),
	} {
		m, err := ParseMessage(unhex(t, s))
		var e *Error
		if !errors.As(err, &e) || e.Condition != CondDecodeError {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestUnencodableMessages(t *testing.T) {
	for _, m := range []*Message{
		{Annotations: Map{"k": struct{}{}}},
		{DeliveryAnnotations: Map{"k": struct{}{}}},
		{ApplicationProperties: Map{"k": struct{}{}}},
		{Footer: Map{"k": struct{}{}}},
		{Properties: &Properties{MessageID: 1}},
		{Properties: &Properties{CorrelationID: Symbol("x")}},
		{Sequence: []List{{struct{}{}}}},
		{Value: struct{}{}, HasValue: true},
	} {
		if b, err := m.Marshal(); err == nil {
			t.Errorf("%+v: %x", m, b)
		}
	}
}

// Data points into the bytes it was parsed from; nothing else does.
func TestMessageMemory(t *testing.T) {
	b, err := (&Message{
		Properties: &Properties{MessageID: []byte("id"), UserID: []byte("me")},
		Data:       [][]byte{[]byte("body")},
	}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !bytes.Equal(m.Properties.MessageID.([]byte), []byte("id")) || string(m.Properties.UserID) != "me" {
		t.Error("properties changed with the bytes")
	}
	if !bytes.Equal(m.Data[0], make([]byte, 4)) {
		t.Error("data was copied")
	}
}
