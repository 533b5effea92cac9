package hub

import (
	"encoding/hex"
	"fmt"

	"fieldpost/internal/amqpserver/wire"
)

// newEvent turns a stamped message into the public form.
func newEvent(deviceID string, partition int, m *wire.Message) Event {
	e := Event{
		DeviceID:    deviceID,
		Partition:   partition,
		Properties:  publicMap(m.ApplicationProperties),
		Annotations: publicMap(m.Annotations),
		Body:        bodyOf(m),
	}
	if p := m.Properties; p != nil {
		e.MessageID, e.CorrelationID = idText(p.MessageID), idText(p.CorrelationID)
		e.ContentType, e.ContentEncoding = string(p.ContentType), string(p.ContentEncoding)
		e.CreationTime = p.CreationTime
	}
	return e
}

// bodyOf copies the body of a message: its data sections joined, or a value that
// is text or binary.
func bodyOf(m *wire.Message) []byte {
	switch v := m.Value.(type) {
	case string:
		return []byte(v)
	case []byte:
		return append([]byte(nil), v...)
	}
	var body []byte
	for _, data := range m.Data {
		body = append(body, data...)
	}
	return body
}

// idText writes a message or correlation id, of whatever AMQP type, as text.
func idText(id any) string {
	switch v := id.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return hex.EncodeToString(v)
	default:
		return fmt.Sprint(v)
	}
}

func publicMap(m wire.Map) map[string]any {
	public := make(map[string]any, len(m))
	for key, value := range m {
		public[fmt.Sprint(key)] = publicValue(value)
	}
	return public
}

// publicValue replaces the engine's own types by Go's.
func publicValue(v any) any {
	switch v := v.(type) {
	case wire.Symbol:
		return string(v)
	case wire.UUID:
		return v.String()
	case wire.Char:
		return rune(v)
	case wire.Map:
		return publicMap(v)
	case wire.List:
		return publicList(v)
	case wire.Array:
		return publicList(v)
	case wire.Described:
		return publicValue(v.Value)
	case wire.Decimal32, wire.Decimal64, wire.Decimal128:
		return fmt.Sprintf("%x", v)
	default:
		return v
	}
}

func publicList(items []any) []any {
	public := make([]any, len(items))
	for i, item := range items {
		public[i] = publicValue(item)
	}
	return public
}
