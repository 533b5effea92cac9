package hub

import "time"

// Event is one telemetry message as the hub logs it. Options.Outcome sees it
// before it is logged: SequenceNumber and Offset are -1 then, and Enqueued is the
// time of arrival.
type Event struct {
	DeviceID       string
	Partition      int
	SequenceNumber int64 // from 0 in each partition, without gaps
	Offset         int64 // bytes logged in the partition before this event
	Enqueued       time.Time

	MessageID       string // UUIDs and numbers as text; "" when absent
	CorrelationID   string // likewise
	ContentType     string
	ContentEncoding string
	CreationTime    time.Time // zero when absent

	// Properties are the application properties. Values keep their Go type: bool,
	// the integers, floats, string (symbols too), []byte, time.Time; a UUID comes
	// as text.
	Properties map[string]any
	// Annotations are the message annotations, those stamped by the hub included.
	// Values as in Properties.
	Annotations map[string]any

	// Body is the data of the message, or the text of a string value.
	Body []byte
}
