package hub_test

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func asError[T error](err error, target *T) bool { return errors.As(err, target) }

func TestPutTokenAudienceForms(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	host := r.hub.HostName()
	key, skey := r.deviceKey("dev1"), r.serviceKey()
	later := time.Now().Add(time.Hour)
	cases := []struct{ name, kind, audience, token string }{
		{"node", sasType, host + "%2Fdevices%2Fdev1", token(host+"/devices/dev1", key, "", later)},
		{"java", sasType, host + "/devices/dev1", token(host+"/devices/dev1", key, "", later)},
		{"without port", sasType, "localhost/devices/dev1", token("localhost/devices/dev1", key, "", later)},
		{"port in one only", sasType, host + "/devices/dev1", token("localhost/devices/dev1", key, "", later)},
		{"dotnet", "azure-devices.net:sastoken", "amqps://" + host + "/devices/dev1", token(host+"/devices/dev1", key, "", later)},
		{"narrower name", sasType, host + "/devices/dev1/messages/events", token(host+"/devices/dev1", key, "", later)},
		{"policy device", sasType, host + "/devices/dev1", token(host+"/devices/dev1", r.policyKey("device"), "device", later)},
		{"hub host", sasType, host, token(host, skey, "service", later)},
		{"entity", sasType, "sb://localhost/fieldpost/ConsumerGroups/$Default/Partitions/0", token("sb://localhost/fieldpost/ConsumerGroups/$Default/Partitions/0", skey, "service", later)},
		{"entity with port", sasType, "sb://" + host + "/fieldpost", token("sb://"+host+"/fieldpost", skey, "service", later)},
	}
	c, err := r.open(amqp.SASLTypeAnonymous())
	r.must(err)
	b := r.peer(c).cbs()
	for _, tc := range cases {
		reply, status := b.request(putTokenMessage(tc.name, tc.kind, tc.audience, tc.token))
		if status != 200 {
			t.Errorf("%s: %d %v", tc.name, status, reply.ApplicationProperties["status-description"])
		}
	}
}

// policyKey borrows a policy other than service: its key is in no connection
// string.
func (r *rig) policyKey(name string) string {
	r.Helper()
	key, err := r.hub.PolicyKey(name)
	r.must(err)
	return key.Base64()
}

func TestPutTokenRefusals(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	r.device("dev2")
	host := r.hub.HostName()
	name := host + "/devices/dev1"
	key := r.deviceKey("dev1")
	good := r.deviceToken("dev1", time.Hour)
	with := func(change func(m *amqp.Message)) *amqp.Message {
		m := putTokenMessage("id", sasType, name, good)
		change(m)
		return m
	}
	cases := []struct {
		name   string
		m      *amqp.Message
		status int32
	}{
		{"no operation", with(func(m *amqp.Message) { delete(m.ApplicationProperties, "operation") }), 400},
		{"other operation", with(func(m *amqp.Message) { m.ApplicationProperties["operation"] = "get-token" }), 400},
		{"no type", with(func(m *amqp.Message) { delete(m.ApplicationProperties, "type") }), 400},
		{"type jwt", with(func(m *amqp.Message) { m.ApplicationProperties["type"] = "jwt" }), 400},
		{"no name", with(func(m *amqp.Message) { m.ApplicationProperties["name"] = "" }), 400},
		{"body is data", with(func(m *amqp.Message) { m.Value, m.Data = nil, [][]byte{[]byte(good)} }), 400},
		{"no application properties", with(func(m *amqp.Message) { m.ApplicationProperties = nil }), 400},
		{"garbage", putTokenMessage("id", sasType, name, "garbage"), 401},
		{"key of another device", putTokenMessage("id", sasType, name, token(name, r.deviceKey("dev2"), "", time.Now().Add(time.Hour))), 401},
		{"unknown device", putTokenMessage("id", sasType, host+"/devices/nobody", token(host+"/devices/nobody", key, "", time.Now().Add(time.Hour))), 401},
		{"expired beyond the skew", putTokenMessage("id", sasType, name, token(name, key, "", time.Now().Add(-6*time.Minute))), 401},
		{"token of another host", putTokenMessage("id", sasType, name, token("example.org/devices/dev1", key, "", time.Now().Add(time.Hour))), 401},
		{"name of another host", putTokenMessage("id", sasType, "example.org/devices/dev1", good), 401},
		{"name of another device", putTokenMessage("id", sasType, host+"/devices/dev2", good), 401},
		{"token narrower than name", putTokenMessage("id", sasType, name, token(name+"/messages", key, "", time.Now().Add(time.Hour))), 401},
	}
	c, err := r.open(nil)
	r.must(err)
	b := r.peer(c).cbs()
	for _, tc := range cases {
		reply, status := b.request(tc.m)
		if description, ok := reply.ApplicationProperties["status-description"].(string); status != tc.status || !ok || description == "" {
			t.Errorf("%s: %d %q, want %d", tc.name, status, description, tc.status)
		}
	}
	if _, err := b.session.NewSender(r.ctx, telemetryAddress("dev1"), nil); condition(err) != "amqp:unauthorized-access" {
		t.Errorf("after all refusals a link gives %v", err)
	}
	b.put(name, token(name, key, "", time.Now().Add(-4*time.Minute)))
}

func TestPutTokenEchoesTheMessageID(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	c, err := r.open(nil)
	r.must(err)
	b := r.peer(c).cbs()
	for _, id := range []any{"text", uint64(0), uint64(7), amqp.UUID{1, 2, 3}, nil} {
		reply, status := b.request(putTokenMessage(id, sasType, "localhost/devices/dev1", r.deviceToken("dev1", time.Hour)))
		var got any
		if reply.Properties != nil {
			got = reply.Properties.CorrelationID
		}
		if status != 200 || got != id {
			t.Errorf("message-id %T %v: status %d, correlation-id %T %v", id, id, status, got, got)
		}
	}
}

// tap records what the hub sends.
type tap struct {
	net.Conn
	mu   sync.Mutex
	read []byte
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = append(c.read, b[:n]...)
	return n, err
}

// performatives returns the descriptor codes of the frames so far.
func (c *tap) performatives(t *testing.T) (codes []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rest := c.read[8:] // the protocol header
	for len(rest) >= 8 {
		size := binary.BigEndian.Uint32(rest)
		if size > 8 {
			if rest[8] != 0 || rest[9] != 0x53 {
				t.Fatalf("frame begins with % x", rest[:12])
			}
			codes = append(codes, rest[10])
		}
		rest = rest[size:]
	}
	return codes
}

func TestPutTokenIsSettledBeforeTheReply(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	nc := &tap{Conn: r.tls()}
	c, err := r.openOn(nc, nil)
	r.must(err)
	r.peer(c).cbs().put("localhost/devices/dev1", r.deviceToken("dev1", time.Hour))
	const transfer, disposition = 0x14, 0x15
	settled := -1
	for i, code := range nc.performatives(t) {
		switch code {
		case disposition:
			settled = i
		case transfer:
			if settled < 0 {
				t.Error("the reply comes before the settlement")
			}
			return
		}
	}
	t.Error("no reply on the wire")
}

func TestLinksNeedAToken(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	for _, address := range []string{telemetryAddress("dev1"), "/messages/devicebound", "$management"} {
		_, err := p.session.NewSender(r.ctx, address, nil)
		r.wantCondition(err, "amqp:unauthorized-access")
	}
	for _, address := range []string{deviceboundAddress("dev1"), "/messages/serviceBound/feedback", "messages/events", "fieldpost/ConsumerGroups/$Default/Partitions/0"} {
		_, err := p.session.NewReceiver(r.ctx, address, nil)
		r.wantCondition(err, "amqp:unauthorized-access")
	}
}

func TestTokenOpensItsOwnLinksOnly(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	r.device("dev12")
	d := r.asDevice("dev1")
	for _, address := range []string{telemetryAddress("dev12"), telemetryAddress("Dev1"), "/messages/devicebound", "$management"} {
		_, err := d.session.NewSender(r.ctx, address, nil)
		r.wantCondition(err, "amqp:unauthorized-access")
	}
	for _, address := range []string{deviceboundAddress("dev12"), "/messages/serviceBound/feedback", "messages/events", "fieldpost/ConsumerGroups/$Default/Partitions/0"} {
		_, err := d.session.NewReceiver(r.ctx, address, nil)
		r.wantCondition(err, "amqp:unauthorized-access")
	}
	d.sender(telemetryAddress("dev1"))
	d.receiver(deviceboundAddress("dev1"), nil)

	s := r.asService()
	_, err := s.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
	r.wantCondition(err, "amqp:unauthorized-access")
	s.sender("/messages/devicebound")
}

func TestUnknownAddressesAreNotFound(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	for _, address := range []string{"/messages/serviceBound/feedback", "/devices/dev1/messages", "nowhere", deviceboundAddress("dev1")} {
		_, err := d.session.NewSender(r.ctx, address, nil)
		r.wantCondition(err, "amqp:not-found")
	}
	_, err := d.session.NewReceiver(r.ctx, telemetryAddress("dev1"), nil)
	r.wantCondition(err, "amqp:not-found")
	f := describe(t, err)
	if f.ErrorCode != 404006 || f.TrackingID == "" || f.Message == "" || f.TimestampUTC == "" {
		t.Errorf("description %+v", f)
	}
}

func TestTokenExpiryDetachesLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{ClockSkew: -1})
		r.device("dev1")
		r.device("dev2")
		c, err := r.open(nil)
		r.must(err)
		b := r.peer(c).cbs()
		b.put("localhost/devices/dev1", r.deviceToken("dev1", time.Minute))
		b.put("localhost/devices/dev2", r.deviceToken("dev2", time.Hour))
		one, two := b.sender(telemetryAddress("dev1")), b.sender(telemetryAddress("dev2"))
		time.Sleep(59 * time.Second)
		b.accepted(one, amqp.NewMessage(nil))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.wantCondition(one.Send(r.ctx, amqp.NewMessage(nil), nil), "amqp:unauthorized-access")
		b.accepted(two, amqp.NewMessage(nil))
		_, err = b.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
		r.wantCondition(err, "amqp:unauthorized-access")
		b.put("localhost/devices/dev1", r.deviceToken("dev1", time.Minute))
		b.accepted(b.sender(telemetryAddress("dev1")), amqp.NewMessage(nil))
	})
}

func TestTokenRenewalKeepsLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		c, err := r.open(nil)
		r.must(err)
		b := r.peer(c).cbs()
		b.put("localhost/devices/dev1", r.deviceToken("dev1", time.Hour))
		s := b.sender(telemetryAddress("dev1"))
		for range 5 {
			time.Sleep(48 * time.Minute)
			b.put("localhost/devices/dev1", r.deviceToken("dev1", time.Hour))
			b.accepted(s, amqp.NewMessage(nil))
		}
		time.Sleep(time.Hour + 4*time.Minute)
		b.accepted(s, amqp.NewMessage(nil))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		r.wantCondition(s.Send(r.ctx, amqp.NewMessage(nil), nil), "amqp:unauthorized-access")
	})
}

func TestPutTokenReplyWaitsForItsReceiver(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	r.must(p.sender("$cbs").Send(r.ctx, putTokenMessage("early", sasType, "localhost/devices/dev1", r.deviceToken("dev1", time.Hour)), nil))
	in := p.receiver("$cbs", &amqp.ReceiverOptions{Credit: -1})
	r.must(in.IssueCredit(1))
	if m := p.receive(in); m.Properties.CorrelationID != "early" || m.ApplicationProperties["status-code"] != int32(200) {
		t.Errorf("reply %+v", m.ApplicationProperties)
	}
	p.sender(telemetryAddress("dev1"))
}
