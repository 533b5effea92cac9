// Package pipe turns what a sensor said into what the store keeps: a Reading
// into a Record. It decides class, encoding and properties; it keeps no state,
// waits for nothing and never fails.
//
// One reading makes at most one record. Bad values stay behind; a reading with
// nothing but bad values makes none. The body holds no time: the stamp travels
// beside it and is resolved when the record is drained, because a gateway may
// learn only later what time it was.
package pipe

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"fieldpost/internal/clock"
	"fieldpost/sensors"
	"fieldpost/store"
)

// ContentType is the MIME type of every body made here.
const ContentType = "application/json"

// Application properties set here; the drain adds those that only it can know.
const (
	PropSensor  = "sensor"  // name of the sensor
	PropQuality = "quality" // "name=suspect:reason;name=bad:reason", sorted; absent when all values are good
	PropEvent   = "event"   // name of an event
)

// Telemetry makes the record of one reading. It reports false when the reading
// holds no value worth sending: such a reading is counted by the caller, not queued.
func Telemetry(r sensors.Reading) (store.Record, bool) {
	body, ok := encode(r.Values)
	if !ok {
		return store.Record{}, false
	}
	props := map[string]string{PropSensor: r.Sensor}
	if q := quality(r.Values); q != "" {
		props[PropQuality] = q
	}
	return store.Record{
		ID:          store.ID{Class: store.Telemetry},
		Kind:        store.KindTelemetry,
		Stamp:       r.Stamp,
		Subject:     r.Sensor,
		ContentType: ContentType,
		Props:       props,
		Body:        body,
	}, true
}

// Event makes a record of something that happened on the gateway itself, such
// as a start. It travels ahead of all telemetry. Fields must be encodable as JSON.
func Event(name string, at clock.Stamp, fields map[string]any) (store.Record, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return store.Record{}, err
	}
	return store.Record{
		ID:          store.ID{Class: store.Alarm},
		Kind:        store.KindEvent,
		Stamp:       at,
		ContentType: ContentType,
		Props:       map[string]string{PropEvent: name},
		Body:        body,
	}, nil
}

// encode writes the values in the order the sensor gave them: a map would sort
// them, and a person reading the body looks for the sensor's own order.
func encode(values []sensors.Value) ([]byte, bool) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, v := range values {
		if !sendable(v) {
			continue
		}
		name, errName := json.Marshal(v.Name)
		num, errNum := json.Marshal(v.Num)
		if errName != nil || errNum != nil {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(num)
	}
	if b.Len() == 1 {
		return nil, false
	}
	b.WriteByte('}')
	return b.Bytes(), true
}

// sendable holds whatever a source may have forgotten: JSON has no NaN.
func sendable(v sensors.Value) bool {
	return v.Quality != sensors.Bad && !math.IsNaN(v.Num) && !math.IsInf(v.Num, 0)
}

func quality(values []sensors.Value) string {
	var marks []string
	for _, v := range values {
		switch {
		case v.Quality != sensors.Bad && !sendable(v):
			marks = append(marks, v.Name+"=bad:not-a-number")
		case v.Quality != sensors.Good:
			marks = append(marks, v.Name+"="+v.Quality.String()+":"+plain(v.Reason))
		}
	}
	slices.Sort(marks)
	return strings.Join(marks, ";")
}

// plain keeps a reason from breaking the list it stands in.
func plain(reason string) string {
	return strings.Map(func(r rune) rune {
		if r == ';' || r == '=' {
			return ','
		}
		return r
	}, reason)
}
