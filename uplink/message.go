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

	contentJSON  = "application/json"
	encodingUTF8 = "utf-8"
	encodingGzip = "gzip"
)

// letter is the message of one record, or of one pack. Its memory is used for one
// after the other: go-amqp has copied what it sends when the call returns.
type letter struct {
	msg                   amqp.Message
	properties            amqp.MessageProperties
	props                 map[string]any
	annotations           amqp.Annotations
	data                  [1][]byte
	contentType, encoding string
}

func newLetter() *letter {
	return &letter{props: map[string]any{}, annotations: amqp.Annotations{}}
}

// newMessage maps a record to the message that is sent for it. The time is
// resolved here and not earlier, with all that was learned since about the boot
// the record was taken in. The error says that the record cannot be encoded.
func newMessage(r *store.Record, timeline clock.Timeline) (*amqp.Message, error) {
	return newLetter().write(r, timeline, nil)
}

// write is newMessage into the memory of l, with the body packed by gz when that
// pays; gz may be nil.
func (l *letter) write(r *store.Record, timeline clock.Timeline, gz *zipper) (*amqp.Message, error) {
	if err := encodable(r); err != nil {
		return nil, err
	}
	clear(l.props)
	for k, v := range r.Props {
		l.props[k] = v
	}
	l.props[propSeq] = strconv.FormatUint(r.Seq, 10)
	l.date(timeline.Resolve(r.Stamp))
	body, zipped := gz.squeeze(r.Body)
	l.address(r.ID.String(), r.CorrelationID, r.ContentType, r.Subject, zipped)
	return l.close(body), nil
}

// date says when what is in the letter happened, as far as that is known.
func (l *letter) date(at time.Time, off time.Duration) {
	if at.IsZero() {
		return
	}
	l.props[propCreationTime] = at.UTC().Format(creationLayout)
	if off >= time.Second {
		l.props[propUncertainty] = uncertainty(off)
	}
}

func uncertainty(off time.Duration) string {
	return strconv.FormatFloat(off.Round(time.Millisecond).Seconds(), 'f', -1, 64)
}

// address fills the standard properties and the annotations.
func (l *letter) address(id, correlation, contentType, subject string, zipped bool) {
	l.properties = amqp.MessageProperties{MessageID: id}
	if correlation != "" {
		l.properties.CorrelationID = correlation
	}
	if l.contentType = contentType; contentType != "" {
		l.properties.ContentType = &l.contentType
	}
	if l.encoding = encodingOf(contentType, zipped); l.encoding != "" {
		l.properties.ContentEncoding = &l.encoding
	}
	l.msg = amqp.Message{Properties: &l.properties, ApplicationProperties: l.props}
	if subject != "" {
		l.annotations[annotationDT] = subject
		l.msg.Annotations = l.annotations
	}
}

func (l *letter) close(body []byte) *amqp.Message {
	l.data[0] = body
	l.msg.Data = l.data[:]
	return &l.msg
}

// encodingOf is the content-encoding: IoT hubs look into a body, for routing,
// only when it says utf-8.
func encodingOf(contentType string, zipped bool) string {
	switch {
	case zipped:
		return encodingGzip
	case isText(contentType):
		return encodingUTF8
	}
	return ""
}

func isText(contentType string) bool {
	return contentType == contentJSON || strings.HasPrefix(contentType, contentJSON+";") ||
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

// size is what a record costs in the window, and what the hub meters: its body
// and its properties.
func size(r *store.Record) int {
	n := len(r.Body) + len(r.Subject) + len(r.ContentType) + len(r.CorrelationID)
	for k, v := range r.Props {
		n += len(k) + len(v)
	}
	return n
}
