package service

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/Azure/go-amqp"
)

// Event is one message of a device, as the hub logged it.
type Event struct {
	DeviceID       string            // who sent it, vouched for by the hub
	Partition      string            // part of the log it stands in
	SequenceNumber int64             // its number in the partition
	Offset         string            // its place in the partition
	Enqueued       time.Time         // when the hub took it in
	MessageID      string            // as the device gave it; empty when it gave none
	CorrelationID  string            // as the device gave it
	ContentType    string            // MIME type of Body
	Encoding       string            // content-encoding of Body
	Subject        string            // dt-subject: the component (sensor) it comes from
	Properties     map[string]string // application properties; values that are no strings as text
	Body           []byte            // data, or the text of a single value
	Created        time.Time         // iothub-creation-time-utc: when the device says it happened; zero when it does not
}

// eventOf reads the annotations a hub stamps on telemetry.
func eventOf(partition string, msg *amqp.Message) Event {
	e := Event{
		DeviceID:   textOf(msg.Annotations["iothub-connection-device-id"]),
		Partition:  partition,
		Offset:     textOf(msg.Annotations["x-opt-offset"]),
		Subject:    textOf(msg.Annotations["dt-subject"]),
		Properties: make(map[string]string, len(msg.ApplicationProperties)),
		Body:       bodyOf(msg),
	}
	e.SequenceNumber, _ = toInt(msg.Annotations["x-opt-sequence-number"])
	e.Enqueued, _ = msg.Annotations["x-opt-enqueued-time"].(time.Time)
	if p := msg.Properties; p != nil {
		e.MessageID, e.CorrelationID = textOf(p.MessageID), textOf(p.CorrelationID)
		if p.ContentType != nil {
			e.ContentType = *p.ContentType
		}
		if p.ContentEncoding != nil {
			e.Encoding = *p.ContentEncoding
		}
	}
	for k, v := range msg.ApplicationProperties {
		e.Properties[k] = textOf(v)
	}
	e.Created = parseTime(e.Properties["iothub-creation-time-utc"])
	return e
}

// bodyOf returns the data sections joined, or the text of a value section.
func bodyOf(msg *amqp.Message) []byte {
	if len(msg.Data) > 0 {
		var body []byte
		for _, d := range msg.Data {
			body = append(body, d...)
		}
		return body
	}
	if b, ok := msg.Value.([]byte); ok {
		return b
	}
	return []byte(textOf(msg.Value))
}

// textOf prints a value of a message for people: nil as nothing, time as
// RFC 3339, binary as hexadecimal.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return hex.EncodeToString(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case fmt.Stringer:
		return v.String()
	case map[string]any, []any:
		if b, err := json.Marshal(v); err == nil {
			return string(b)
		}
	}
	return fmt.Sprint(v)
}

// toInt takes any AMQP integer; false for everything else and for what does not fit.
func toInt(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int32:
		return int64(n), true
	case int16:
		return int64(n), true
	case int8:
		return int64(n), true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case uint64:
		return int64(n), n <= math.MaxInt64
	default:
		return 0, false
	}
}
