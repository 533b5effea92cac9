package hub

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// talker is a net.Conn on which a stranger has said everything at once and then
// hung up; what it is told goes nowhere.
type talker struct{ io.Reader }

func (talker) Write(b []byte) (int, error)      { return len(b), nil }
func (talker) Close() error                     { return nil }
func (talker) CloseWrite() error                { return nil }
func (talker) LocalAddr() net.Addr              { return memoryAddr{} }
func (talker) RemoteAddr() net.Addr             { return memoryAddr{} }
func (talker) SetDeadline(time.Time) error      { return nil }
func (talker) SetReadDeadline(time.Time) error  { return nil }
func (talker) SetWriteDeadline(time.Time) error { return nil }

// admitted is the hub's handler for peers that may do anything.
type admitted struct{ handler }

func (a admitted) Opened(c *amqpserver.Conn) error {
	a.peer(c).bind(&claim{resource: resource{}, rights: deviceConnect | serviceConnect, policy: policyService})
	return a.handler.Opened(c)
}

// conversation composes the frames of a seed, each with its size before it.
type conversation struct {
	f     *testing.F
	bytes []byte
	next  uint32 // delivery-id and handle
}

func (c *conversation) say(body wire.Body) {
	b, err := wire.AppendFrame(nil, wire.FrameAMQP, 0, body)
	if err != nil {
		c.f.Fatal(err)
	}
	b = b[8:]
	c.bytes = append(append(c.bytes, byte(len(b)>>8), byte(len(b))), b...)
}

// properties are what links of twins and methods bring along.
var channelProperties = wire.Map{propertyAPIVersion: "2020-09-30", propertyChannelID: "1"}

// sender attaches a link the seed sends on, and sends messages.
func (c *conversation) sender(address string, format uint32, messages ...*wire.Message) {
	handle := c.next
	c.say(&wire.Attach{
		Name: address, Handle: handle, Role: wire.RoleSender, Source: &wire.Source{}, Target: &wire.Target{Address: address},
		InitialDeliveryCount: new(uint32), Properties: channelProperties,
	})
	for _, m := range messages {
		payload, err := m.Marshal()
		if err != nil {
			c.f.Fatal(err)
		}
		id := c.next
		c.say(&wire.Transfer{Handle: handle, DeliveryID: &id, DeliveryTag: []byte("t"), MessageFormat: &format, Payload: payload})
		c.next++
	}
	c.next++
}

// receiver attaches a link the seed receives on, with credit.
func (c *conversation) receiver(address string, filter wire.Map) {
	handle, credit, next := c.next, uint32(10), uint32(1)
	c.say(&wire.Attach{
		Name: address, Handle: handle, Role: wire.RoleReceiver, RcvSettleMode: wire.RcvSecond,
		Source: &wire.Source{Address: address, Filter: filter}, Target: &wire.Target{Address: "r"}, Properties: channelProperties,
	})
	c.say(&wire.Flow{
		NextIncomingID: &next, IncomingWindow: 100, OutgoingWindow: 100, Handle: &handle, DeliveryCount: new(uint32), LinkCredit: &credit, Echo: true,
	})
	c.next++
}

// settle gives everything that was received an outcome.
func (c *conversation) settle(o wire.Outcome) {
	last := uint32(1<<31 - 1)
	c.say(&wire.Disposition{Role: wire.RoleReceiver, Last: &last, State: o})
}

// FuzzSession: whatever frames a peer with every right sends in a session, the
// hub goes on, its log stays in its bounds, and nothing of the peer is left in it.
func FuzzSession(f *testing.F) {
	text := textMessage("hello")
	request := func(annotations wire.Map, body string) *wire.Message {
		return &wire.Message{Annotations: annotations, Properties: &wire.Properties{CorrelationID: wire.UUID{1}}, Data: [][]byte{[]byte(body)}}
	}
	encoded, err := text.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []func(c *conversation){
		func(c *conversation) {
			c.receiver("$cbs", nil)
			c.sender("$cbs", 0, &wire.Message{
				Properties:            &wire.Properties{MessageID: uint64(1), ReplyTo: "r"},
				ApplicationProperties: wire.Map{"operation": "put-token", "type": "azure-devices.net:sastoken", "name": "localhost/devices/dev1"},
				Value:                 deviceToken, HasValue: true,
			})
			c.settle(wire.Accepted{})
		},
		func(c *conversation) {
			c.sender("/devices/dev1/messages/events", 0, text, text)
			c.sender("/devices/dev1/modules/cam/messages/events", batchFormat, &wire.Message{Data: [][]byte{encoded, encoded}})
			c.receiver("fieldpost/ConsumerGroups/$Default/Partitions/0", wire.Map{selectorName: "amqp.annotation.x-opt-offset > '-1'"})
			c.settle(wire.Released{})
		},
		func(c *conversation) {
			c.sender("/messages/devicebound", 0, &wire.Message{
				Properties:            &wire.Properties{MessageID: "1", To: "/devices/dev1/messages/devicebound", AbsoluteExpiryTime: time.Unix(1, 0)},
				ApplicationProperties: wire.Map{"iothub-ack": "full"},
			}, &wire.Message{Properties: &wire.Properties{MessageID: "2", To: "/devices/dev1/messages/devicebound"}})
			c.receiver("/devices/dev1/messages/devicebound", nil)
			c.receiver("/messages/serviceBound/feedback", nil)
			c.settle(wire.Rejected{Error: &wire.Error{Condition: "a:b"}})
		},
		func(c *conversation) {
			c.receiver("/devices/dev1/twin", nil)
			c.sender("/devices/dev1/twin", 0,
				request(wire.Map{annotationOperation: "GET"}, ""),
				request(wire.Map{annotationOperation: "PATCH", annotationResource: resourceReported, annotationVersion: int64(1)}, `{"a":{"b":1}}`),
				request(wire.Map{annotationOperation: "PUT", annotationResource: resourceNotifications}, ""))
		},
		func(c *conversation) {
			c.receiver("/devices/dev1/methods/devicebound", nil)
			m := request(nil, "{}")
			m.ApplicationProperties = wire.Map{propertyMethodStatus: int32(200)}
			c.sender("/devices/dev1/methods/devicebound", 0, m)
		},
		func(c *conversation) {
			c.receiver("fieldpost/$management", nil)
			c.sender("fieldpost/$management", 0, &wire.Message{
				ApplicationProperties: wire.Map{"operation": "READ", "type": typePartition, "name": entityName, "partition": "0"},
			})
			c.sender("fieldpost/Partitions/1", 0, text)
			c.sender("fieldpost", batchFormat, &wire.Message{Annotations: wire.Map{annotationPartition: "k"}, Data: [][]byte{encoded}})
			c.receiver("/messages/events/ConsumerGroups/$Default/Partitions/0", nil)
			c.settle(wire.Modified{UndeliverableHere: true})
			c.say(&wire.End{})
			c.say(&wire.Close{})
		},
	} {
		c := &conversation{f: f}
		seed(c)
		f.Add(c.bytes)
	}

	var hello []byte
	for _, body := range []wire.Body{
		&wire.Open{ContainerID: "raw", Hostname: "localhost", MaxFrameSize: 512},
		&wire.Begin{IncomingWindow: 100, OutgoingWindow: 100, HandleMax: 1000},
	} {
		if hello, err = wire.AppendFrame(hello, wire.FrameAMQP, 0, body); err != nil {
			f.Fatal(err)
		}
	}
	const logBytes = 64 << 10
	h, err := New(Options{Listen: listenNone, LogBytes: logBytes, Partitions: 2, DeviceFeedbackLink: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(h.close)
	f.Fuzz(func(t *testing.T, b []byte) {
		h.events, h.feedback = newEventLog(h.opts, time.Now), newFeedbackQueue(h.opts, time.Now)
		if _, err := h.AddDevice("dev1"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.AddModule("dev1", "cam"); err != nil {
			t.Fatal(err)
		}
		said := append([]byte("AMQP\x00\x01\x00\x00"), hello...)
		for len(b) >= 2 {
			n := min(int(b[0])<<8|int(b[1]), len(b)-2)
			said = append(said, byte((n+8)>>24), byte((n+8)>>16), byte((n+8)>>8), byte(n+8), 2, 0, 0, 0)
			said = append(said, b[2:2+n]...)
			b = b[2+n:]
		}
		engine := h.engine
		engine.Handler = admitted{handler{hub: h}}
		stranger := talker{bytes.NewReader(said)}
		c := &client{halfCloser: stranger, raw: &socket{Conn: stranger}}
		_ = amqpserver.Serve(context.Background(), c, engine)
		h.nothingLeft(t)
		h.feedback.close()
		if err := h.RemoveDevice("dev1"); err != nil {
			t.Fatal(err)
		}
	})
}

// nothingLeft fails when the hub still knows of a link, or holds more than it may.
func (h *Hub) nothingLeft(t *testing.T) {
	for _, p := range h.events.partitions {
		if len(p.readers) > 0 {
			t.Errorf("partition %d has %d readers", p.id, len(p.readers))
		}
		if p.bytes > p.limit+maxTelemetry {
			t.Errorf("partition %d holds %d bytes, at most %d allowed", p.id, p.bytes, p.limit)
		}
	}
	if n := len(h.feedback.receivers); n > 0 {
		t.Errorf("%d receivers of feedback", n)
	}
	for _, d := range h.registry.all() {
		if d.owner != nil || d.queue.receiver != nil {
			t.Errorf("%s is still owned", d.name())
		}
		for what, c := range map[string]channel{"twin": d.twin.links, "methods": d.methods.links} {
			if c.sender != nil || c.receiver != nil {
				t.Errorf("%s has links to its %s", d.name(), what)
			}
		}
		if n := len(d.queue.messages); n > maxQueued {
			t.Errorf("%s has %d messages", d.name(), n)
		}
	}
}

// FuzzSection: a change of a twin that is taken leaves a section in its bounds,
// which reads back as it was written; one that is refused changes nothing.
func FuzzSection(f *testing.F) {
	for _, seed := range []string{
		`{"interval":60,"led":{"on":true,"rgb":[1,2,3]}}`, `{"led":null}`, `{"$version":7,"a":{"$b":1}}`, `{"a":4503599627370496}`,
		`{"a":1e400,"b":-0,"c":"\ud800"}`, `[]`, `{} {}`, `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}}}}`, `{"":0}`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	now := time.Unix(1700000000, 0)
	f.Fuzz(func(t *testing.T, text []byte, replace bool) {
		s := newSection("Properties.Desired", maxProperties, now)
		if _, err := s.change([]byte(`{"interval":1,"led":{"on":false}}`), false, now); err != nil {
			t.Fatal(err)
		}
		before := encodeJSON(s.serviceView())
		if _, err := s.change(text, replace, now); err != nil {
			if after := encodeJSON(s.serviceView()); !bytes.Equal(before, after) {
				t.Errorf("%q is refused, and makes %s of %s", text, after, before)
			}
			return
		}
		if n := sizeOf(s.values); n >= maxProperties || s.version != 3 {
			t.Errorf("%q gives %d bytes in version %d", text, n, s.version)
		}
		again := newSection("Properties.Desired", maxProperties, now)
		if _, err := again.change(encodeJSON(s.serviceView()), true, now); err != nil {
			t.Errorf("%q gives %s, which is refused: %v", text, encodeJSON(s.values), err)
		} else if a, b := encodeJSON(s.values), encodeJSON(again.values); !bytes.Equal(a, b) {
			t.Errorf("%q gives %s, then %s", text, a, b)
		}
	})
}

// FuzzPlain: no SASL response but those with the right secret make a claim.
func FuzzPlain(f *testing.F) {
	h := signingHub(f, false)
	for _, seed := range []string{
		"\x00dev1@sas.localhost\x00" + deviceToken, "\x00service@sas.root.localhost\x00" + serviceToken, "\x00service\x00" + testKey,
		"\x00dev1/modules/cam@sas.localhost\x00" + deviceToken, "\x00@sas.\x00", "x\x00y", "\x00\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, response []byte) {
		c, err := h.plain(response)
		if err != nil {
			return
		}
		if !bytes.Contains(response, []byte(testKey)) && !bytes.Contains(bytes.ToLower(response), []byte("sharedaccesssignature")) {
			t.Errorf("%q makes the claim %+v", response, c)
		}
		if c.allows(resource{"devices", "dev2"}, deviceConnect, time.Now()) {
			t.Errorf("%q opens another device", response)
		}
	})
}
