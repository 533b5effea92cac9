package hub

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"fieldpost/internal/amqpserver/wire"
)

// FuzzParseSelector: what is taken says which annotation it compares, with which
// operator and with which value, and the same again when written plainly.
func FuzzParseSelector(f *testing.F) {
	for _, seed := range []string{
		"amqp.annotation.x-opt-offset > '-1'",
		"amqp.annotation.x-opt-offset > '@latest'",
		"amqp.annotation.x-opt-enqueued-time >= @latest",
		"amqp.annotation.x-opt-sequence-number > 995",
		"amqp.annotation.x-opt-sequence-number >= '0'",
		"amqp.annotation.x-opt-enqueuedtimeutc > 1552556128291",
		"amqp.annotation.x-opt-enqueued-time>'1552556128291'",
		"\tamqp.annotation.x-opt-offset\n>=\r'9223372036854775807'",
		"amqp.annotation.x-opt-offset > '", "amqp.annotation.x-opt-offset > ''", "amqp.annotation.x-opt-offset >> 1",
		"amqp.annotation.x-opt-offset > +1", "amqp.annotation.x-opt-offset > '1' OR 1=1", ">'", "",
	} {
		f.Add(seed)
	}
	names := map[axis]string{byOffset: "x-opt-offset", bySequence: "x-opt-sequence-number", byEnqueuedTime: "x-opt-enqueued-time"}
	f.Fuzz(func(t *testing.T, text string) {
		pos, err := parseSelector(text)
		if err != nil {
			return
		}
		if !strings.Contains(text, selectorStart) || !strings.Contains(text, ">") || pos.inclusive != strings.Contains(text, ">=") {
			t.Errorf("%q gives %+v", text, pos)
		}
		if pos.latest != strings.Contains(text, "@latest") {
			t.Errorf("%q gives %+v", text, pos)
		}
		plain := selectorStart + names[pos.by] + " >"
		if pos.inclusive {
			plain += "="
		}
		if pos.latest {
			plain += " '@latest'"
		} else {
			plain += " '" + strconv.FormatInt(pos.value, 10) + "'"
		}
		if again, err := parseSelector(plain); err != nil || again != pos {
			t.Errorf("%q gives %+v, %q gives %+v, %v", text, pos, plain, again, err)
		}
	})
}

// FuzzStartPosition takes filter maps as they come off the wire.
func FuzzStartPosition(f *testing.F) {
	for _, filter := range []wire.Map{
		{},
		{selectorName: wire.Described{Descriptor: selectorCode, Value: "amqp.annotation.x-opt-offset > '1'"}},
		{wire.Symbol("selector"): wire.Described{Descriptor: selectorName, Value: "amqp.annotation.x-opt-offset > '@latest'"}},
		{selectorName: "amqp.annotation.x-opt-sequence-number > 7", "text": int32(1), wire.Symbol("x"): wire.Described{Descriptor: uint64(1)}},
		{selectorName: wire.Map{}},
		{selectorName: wire.Described{Descriptor: wire.Symbol("x"), Value: nil}},
	} {
		b, err := (&wire.Message{Value: filter, HasValue: true}).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	p := newTestLog(Options{}).partitions[0]
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.ParseMessage(b)
		if err != nil {
			return
		}
		filter, ok := m.Value.(wire.Map)
		if !ok {
			return
		}
		pos, refused := startPosition(filter)
		if again, r := startPosition(filter); again != pos || (r == nil) != (refused == nil) {
			t.Errorf("%v gives %+v, %v and %+v, %v", filter, pos, refused, again, r)
		}
		if refused != nil {
			if refused.Condition == "" || len(refused.Description) > 2000 {
				t.Errorf("%v: %v", filter, refused)
			}
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.checkPosition(pos)
		if c, err := p.seek(pos.starts); err != nil || c.left() {
			t.Errorf("%+v: %+v, %v in an empty log", pos, c, err)
		}
	})
}

// FuzzAnnotations logs messages of strangers, as a device's and as a producer's:
// what the hub vouches for is the hub's, and the log can be read back.
func FuzzAnnotations(f *testing.F) {
	for _, m := range []*wire.Message{
		{Annotations: wire.Map{annotationDeviceID: "other", annotationSequence: int64(7)}, Data: [][]byte{[]byte("x")}},
		{Annotations: wire.Map{"text": "key", uint64(1): nil, wire.Symbol("dt-subject"): "bme280"}, Value: wire.Map{"a": wire.List{nil}}, HasValue: true},
		{Header: &wire.Header{Durable: true}, DeliveryAnnotations: wire.Map{wire.Symbol("x"): int8(1)}, Footer: wire.Map{wire.Symbol("y"): nil}},
		{Properties: &wire.Properties{MessageID: wire.UUID{1}}, ApplicationProperties: wire.Map{"p": wire.Array{"a"}}, Sequence: []wire.List{{int32(1)}}},
		{Annotations: wire.Map{annotationPartition: "key"}, Data: [][]byte{{}}},
	} {
		b, err := m.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	gateway := &device{id: "gateway-1", generation: "1"}
	link := newTelemetryLink(nil, gateway, (&claim{device: gateway}).method(), "")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.ParseMessage(bytes.Clone(b))
		if err != nil {
			return
		}
		produced := *m
		produced.Annotations = keepAnnotations(m.Annotations)
		link.stamp(m)
		log := newTestLog(Options{LogBytes: 8000})
		for _, m := range []*wire.Message{m, &produced} {
			if err := log.partitions[0].append([]*wire.Message{m}); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
		for i, e := range (&Hub{events: log}).Events() {
			id, vouched := "gateway-1", any("gateway-1")
			if i == 1 {
				id, vouched = "", nil
			}
			if e.DeviceID != id || e.Annotations["iothub-connection-device-id"] != vouched || e.SequenceNumber != int64(i) || e.Annotations["x-opt-sequence-number"] != int64(i) {
				t.Errorf("event %d: %+v", i, e)
			}
		}
	})
}

// FuzzParseAddress: every kind has the segments its holder relies on.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"/devices/a%20b/messages/events", "devices/d/messages/deviceBound", "/messages/devicebound", "/messages/serviceBound/feedback",
		"devices/d/modules/m/messages/events", "devices/d/twin", "/devices/d/modules/m%2F/methods/devicebound", "devices/d/modules//twin",
		"/messages/events/ConsumerGroups/$Default/Partitions/0", "messages/events/$management", "$cbs", "$management", "fieldpost/$management",
		"amqps://h:1/fieldpost/ConsumerGroups/$Default/Partitions/0", "sb://h/fieldpost/ConsumerGroups/a%2Fb/Partitions/-1",
		"fieldpost", "fieldpost/Partitions/18446744073709551616", "//%", "amqps://", "///",
	} {
		f.Add(seed)
	}
	names := newHostNames("localhost", 5671)
	log := newTestLog(Options{Partitions: 4})
	f.Fuzz(func(t *testing.T, text string) {
		names.parseAudience(text)
		a := parseAddress(text)
		segments := map[addressKind]int{addressPartition: 5, addressEntity: 1, addressProduce: 3}
		if n := segments[a.kind]; n > 0 && (len(a.resource) != n || !a.resource.isEntity() || n > 1 && a.partition == "") {
			t.Errorf("%q gives %+v", text, a)
		}
		switch a.kind {
		case addressTelemetry, addressDeviceQ, addressTwin, addressMethods:
			if a.deviceID == "" || len(a.resource) < 3 || (a.moduleID != "") != (len(a.resource) > 4) {
				t.Errorf("%q gives %+v", text, a)
			}
		}
		if p := log.partition(a.partition); p != nil && (p.id < 0 || p.id > 3) {
			t.Errorf("%q gives partition %d", text, p.id)
		}
	})
}
