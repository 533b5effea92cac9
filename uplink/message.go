package uplink

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// Names that the drain adds to a message. The others in Record.Props are sent
// as they are.
const (
	propSeq          = "seq"                      // decimal, of the record's id
	propCreationTime = "iothub-creation-time-utc" // RFC 3339 with milliseconds and Z
	propUncertainty  = "time-uncertainty"         // decimal seconds, from one second up
	annotationDT     = "dt-subject"               // IoT Plug and Play component
	creationLayout   = "2006-01-02T15:04:05.000Z"
)

// newMessage maps a record to the message that is sent for it. The time is
// resolved here and not earlier, with all that was learned since about the boot
// the record was taken in. The error says that the record cannot be encoded.
func newMessage(r *store.Record, timeline clock.Timeline) (*amqp.Message, error) {
	if err := encodable(r); err != nil {
		return nil, err
	}
	props := make(map[string]any, len(r.Props)+3)
	for k, v := range r.Props {
		props[k] = v
	}
	props[propSeq] = strconv.FormatUint(r.Seq, 10)
	if at, off := timeline.Resolve(r.Stamp); !at.IsZero() {
		props[propCreationTime] = at.UTC().Format(creationLayout)
		if off >= time.Second {
			props[propUncertainty] = strconv.FormatFloat(off.Round(time.Millisecond).Seconds(), 'f', -1, 64)
		}
	}
	p := &amqp.MessageProperties{MessageID: r.ID.String()}
	if r.CorrelationID != "" {
		p.CorrelationID = r.CorrelationID
	}
	if r.ContentType != "" {
		p.ContentType = &r.ContentType
		if isText(r.ContentType) {
			encoding := "utf-8"
			p.ContentEncoding = &encoding
		}
	}
	m := &amqp.Message{Properties: p, ApplicationProperties: props, Data: [][]byte{r.Body}}
	if r.Subject != "" {
		m.Annotations = amqp.Annotations{annotationDT: r.Subject}
	}
	return m, nil
}

func isText(contentType string) bool {
	return contentType == "application/json" || strings.HasPrefix(contentType, "application/json;") ||
		strings.HasPrefix(contentType, "text/")
}

// encodable reports what AMQP strings and symbols cannot hold.
func encodable(r *store.Record) error {
	if !utf8.ValidString(r.CorrelationID) {
		return fmt.Errorf("correlation id %q is not UTF-8", r.CorrelationID)
	}
	if !utf8.ValidString(r.Subject) {
		return fmt.Errorf("subject %q is not UTF-8", r.Subject)
	}
	if strings.ContainsFunc(r.ContentType, func(c rune) bool { return c < ' ' || c > '~' }) {
		return fmt.Errorf("content type %q is not ASCII", r.ContentType)
	}
	for k, v := range r.Props {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return fmt.Errorf("property %q is not UTF-8", k)
		}
	}
	return nil
}

// size is what a record costs in the window: its body and its properties.
func size(r *store.Record) int {
	n := len(r.Body) + len(r.Subject) + len(r.ContentType) + len(r.CorrelationID)
	for k, v := range r.Props {
		n += len(k) + len(v)
	}
	return n
}
