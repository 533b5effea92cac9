package uplink

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"strconv"
	"time"
	"unicode/utf8"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// A pack is one message whose body is a JSON array with an object for each
// record: id, time, sensor, values and quality, and uncertainty in seconds where
// the time has one. A hub that meters in steps of 4 KiB counts a reading of 200
// bytes as one step, and twenty of them in a pack as one too.
const (
	propPack   = "pack" // decimal, how many records; only packs have it
	propSensor = "sensor"
	propQual   = "quality"

	packRoom = 1 << 10 // what properties and framing of a pack may take, bytes
)

// packable reports whether an object in a pack says all that the record's own
// message would.
func packable(r *store.Record) bool {
	if r.Class != store.Telemetry || r.Kind != store.KindTelemetry || r.ContentType != contentJSON || r.CorrelationID != "" {
		return false
	}
	for k, v := range r.Props {
		if k != propSensor && k != propQual || !utf8.ValidString(v) {
			return false
		}
	}
	if sensor := r.Props[propSensor]; r.Subject != "" && r.Subject != sensor {
		return false
	}
	body := bytes.TrimLeft(r.Body, " \t\r\n")
	return len(body) > 0 && body[0] == '{' && json.Valid(body)
}

// appendPacked appends the object of one record, after a comma unless it is the first.
func appendPacked(b []byte, r *store.Record, at time.Time, off time.Duration) []byte {
	if len(b) == 0 {
		b = append(b, '[')
	} else {
		b = append(b, ',')
	}
	b = append(r.ID.AppendTo(append(b, `{"id":"`...)), '"')
	if !at.IsZero() {
		b = at.UTC().AppendFormat(append(b, `,"time":"`...), creationLayout)
		b = append(b, '"')
		if off >= time.Second {
			b = append(append(b, `,"uncertainty":`...), uncertainty(off)...)
		}
	}
	b = appendMember(b, propSensor, r.Props[propSensor])
	b = append(append(b, `,"values":`...), r.Body...)
	b = appendMember(b, propQual, r.Props[propQual])
	return append(b, '}')
}

func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	text, _ := json.Marshal(value) // of a string it never fails
	return append(b, text...)
}

// enclose makes the message of a pack: its message-id names the first record and
// the set, so that no two different packs share one. Sensor and dt-subject are
// those of the records where all have the same, and the time is the first one's.
func (l *letter) enclose(records []store.Record, body []byte, timeline clock.Timeline, gz *zipper) {
	clear(l.props)
	l.props[propPack] = strconv.Itoa(len(records))
	first := &records[0]
	sensor, subject := first.Props[propSensor], first.Subject
	set := fnv.New64a()
	var id [64]byte
	for i := range records {
		r := &records[i]
		_, _ = set.Write(append(r.ID.AppendTo(id[:0]), '\n')) // a hash takes all
		if r.Props[propSensor] != sensor {
			sensor = ""
		}
		if r.Subject != subject {
			subject = ""
		}
	}
	if sensor != "" {
		l.props[propSensor] = sensor
	}
	l.date(timeline.Resolve(first.Stamp))
	body, zipped := gz.squeeze(body)
	name := strconv.AppendUint(append(first.ID.AppendTo(id[:0]), "-pack-"...), set.Sum64(), 16)
	l.address(string(name), "", contentJSON, subject, zipped)
	l.close(body)
}
