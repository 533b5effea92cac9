package uplink

import (
	"encoding/binary"
	"strconv"
	"time"

	"fieldpost/store"
)

// Constructors of AMQP values and codes of message sections, as far as a
// telemetry message needs them (AMQP 1.0, parts 1.6 and 3.2).
const (
	amqpNull    = 0x40
	amqpBin8    = 0xa0
	amqpBin32   = 0xb0
	amqpString8 = 0xa1
	amqpSymbol8 = 0xa3
	amqpWide    = 0x10 // more in the constructor of a text or binary of 256 bytes and up
	amqpList32  = 0xd0
	amqpMap32   = 0xd1

	sectionAnnotations = 0x72
	sectionProperties  = 0x73
	sectionAppProps    = 0x74
	sectionData        = 0x75
)

// appendMessage appends the message of a record in its encoded form, section by
// section as go-amqp would, whose encoder needs a map and a boxed value for each
// property: in a batch that would be most of the work. The record is encodable;
// body is its own or what is sent in its place.
func appendMessage(b []byte, r *store.Record, at time.Time, off time.Duration, body []byte, zipped bool) []byte {
	if r.Subject != "" {
		b = appendSection(b, sectionAnnotations)
		var mark int
		b, mark = begin(b, amqpMap32)
		b = appendText(appendText(b, amqpSymbol8, annotationDT), amqpString8, r.Subject)
		end(b, mark, 2)
	}
	b = appendProperties(b, r, zipped)
	b = appendSection(b, sectionAppProps)
	b, mark := begin(b, amqpMap32)
	dated, unsure := !at.IsZero(), !at.IsZero() && off >= time.Second
	n := 1
	for k, v := range r.Props {
		if k == propSeq || dated && k == propCreationTime || unsure && k == propUncertainty {
			continue // the drain's own word counts
		}
		b = appendText(appendText(b, amqpString8, k), amqpString8, v)
		n++
	}
	var digits [20]byte
	b = appendText(appendText(b, amqpString8, propSeq), amqpString8, strconv.AppendUint(digits[:0], r.Seq, 10))
	if dated {
		var text [len(creationLayout) + 8]byte
		b = appendText(appendText(b, amqpString8, propCreationTime), amqpString8, at.UTC().AppendFormat(text[:0], creationLayout))
		n++
	}
	if unsure {
		b = appendText(appendText(b, amqpString8, propUncertainty), amqpString8, uncertainty(off))
		n++
	}
	end(b, mark, 2*n)
	return appendData(b, body)
}

// appendProperties appends message-id, correlation-id, content-type and
// content-encoding; what stands between them is null.
func appendProperties(b []byte, r *store.Record, zipped bool) []byte {
	b = appendSection(b, sectionProperties)
	b, mark := begin(b, amqpList32)
	n := 1
	var id [64]byte
	b = appendText(b, amqpString8, r.ID.AppendTo(id[:0]))
	field := func(at int, constructor byte, text string) {
		if text == "" {
			return
		}
		for ; n < at; n++ {
			b = append(b, amqpNull)
		}
		b = appendText(b, constructor, text)
		n++
	}
	field(5, amqpString8, r.CorrelationID)
	field(6, amqpSymbol8, r.ContentType)
	field(7, amqpSymbol8, encodingOf(r.ContentType, zipped))
	end(b, mark, n)
	return b
}

func appendData(b, body []byte) []byte {
	b = appendSection(b, sectionData)
	if len(body) < 256 {
		b = append(b, amqpBin8, byte(len(body)))
	} else {
		b = binary.BigEndian.AppendUint32(append(b, amqpBin32), uint32(len(body)))
	}
	return append(b, body...)
}

// dataSize is what appendData adds for n bytes, at most.
func dataSize(n int) int { return 3 + 5 + n }

func appendSection(b []byte, code byte) []byte { return append(b, 0x00, 0x53, code) }

func appendText[T string | []byte](b []byte, constructor byte, text T) []byte {
	if len(text) < 256 {
		b = append(b, constructor, byte(len(text)))
	} else {
		b = binary.BigEndian.AppendUint32(append(b, constructor+amqpWide), uint32(len(text)))
	}
	return append(b, text...)
}

// begin starts a list or a map whose size is told to end.
func begin(b []byte, constructor byte) (out []byte, mark int) {
	b = append(b, constructor)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0), len(b)
}

// end writes the size of what began at mark, and how many values it has.
func end(b []byte, mark, values int) {
	binary.BigEndian.PutUint32(b[mark:], uint32(len(b)-mark-4))
	binary.BigEndian.PutUint32(b[mark+4:], uint32(values))
}
