package hub_test

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestPlainUsers(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	r.device("a@sas.b")
	host := r.hub.HostName()
	later := time.Now().Add(time.Hour)
	accepted := []struct{ user, password, sends string }{
		{"dev1@sas.localhost", r.deviceToken("dev1", time.Hour), telemetryAddress("dev1")},
		{"dev1@sas.localhost", token(host, r.policyKey("device"), "device", later), telemetryAddress("dev1")},
		{"a@sas.b@sas.localhost", r.deviceToken("a@sas.b", time.Hour), telemetryAddress("a%40sas.b")},
		{"service@sas.root.localhost", r.serviceToken(time.Hour), "/messages/devicebound"},
		{"iothubowner@sas.root.localhost", token(host, r.policyKey("iothubowner"), "iothubowner", later), telemetryAddress("dev1")},
		{"service", r.serviceKey(), "fieldpost/$management"},
	}
	for _, tc := range accepted {
		c, err := r.open(amqp.SASLTypePlain(tc.user, tc.password))
		if err != nil {
			t.Errorf("%s: %v", tc.user, err)
			continue
		}
		r.peer(c).sender(tc.sends)
	}
	refused := map[string]string{
		"dev2@sas.localhost":             r.deviceToken("dev1", time.Hour),
		"dev1@sas.example":               r.deviceToken("dev1", time.Hour),
		"dev1@sas.root.localhost":        r.deviceToken("dev1", time.Hour),
		"dev1@sas.localhost":             r.serviceToken(time.Hour),
		"service@sas.localhost":          r.serviceToken(time.Hour),
		"iothubowner@sas.root.localhost": r.serviceToken(time.Hour),
		"service@sas.root.localhost":     r.serviceKey(),
		"service":                        r.policyKey("iothubowner"),
		"nobody":                         r.serviceKey(),
		"":                               "",
	}
	for user, password := range refused {
		if c, err := r.open(amqp.SASLTypePlain(user, password)); err == nil {
			t.Errorf("%s accepted", user)
			c.Close()
		}
	}
}

func TestPlainKeyOpensTheEntityOnly(t *testing.T) {
	r := newRig(t, hub.Options{})
	c, err := r.open(amqp.SASLTypePlain("service", r.serviceKey()))
	r.must(err)
	p := r.peer(c)
	p.receiver("fieldpost/ConsumerGroups/$Default/Partitions/0", nil)
	_, err = p.session.NewSender(r.ctx, "/messages/devicebound", nil)
	r.wantCondition(err, "amqp:unauthorized-access")
}

func TestPlainExpiryDropsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{ClockSkew: -1})
		r.device("dev1")
		c, err := r.open(amqp.SASLTypePlain("dev1@sas.localhost", r.deviceToken("dev1", time.Minute)))
		r.must(err)
		p := r.peer(c)
		s := p.sender(telemetryAddress("dev1"))
		time.Sleep(59 * time.Second)
		p.accepted(s, amqp.NewMessage(nil))
		time.Sleep(2 * time.Second)
		select {
		case <-c.Done():
		case <-r.ctx.Done():
			t.Fatal("connection is still open")
		}
		if condition(c.Err()) != "" {
			t.Errorf("connection ended with %v, want no word", c.Err())
		}
	})
}

// TestSASLMechanisms speaks the SASL layer by hand, for a mechanism go-amqp does
// not have.
func TestSASLMechanisms(t *testing.T) {
	r := newRig(t, hub.Options{})
	for _, tc := range []struct {
		mechanism string
		code      byte
	}{{"MSSBCBS", 0}, {"ANONYMOUS", 0}, {"PLAIN", 1}} {
		c := r.tls()
		_, err := c.Write([]byte("AMQP\x03\x01\x00\x00"))
		r.must(err)
		_, err = io.ReadFull(c, make([]byte, 8))
		r.must(err)
		offered := readFrame(r, c)
		for _, name := range []string{"MSSBCBS", "ANONYMOUS", "PLAIN"} {
			if !bytes.Contains(offered, []byte(name)) {
				t.Errorf("%s is not offered: %q", name, offered)
			}
		}
		fields := append([]byte{0xa3, byte(len(tc.mechanism))}, tc.mechanism...)
		fields = append(fields, 0xa0, 0)
		init := append([]byte{0, 0x53, 0x41, 0xc0, byte(len(fields) + 1), 2}, fields...)
		_, err = c.Write(append([]byte{0, 0, 0, byte(8 + len(init)), 2, 1, 0, 0}, init...))
		r.must(err)
		outcome := readFrame(r, c)
		if !bytes.Contains(outcome, []byte{0x53, 0x44}) || !bytes.Contains(outcome, []byte{0x50, tc.code}) {
			t.Errorf("%s: outcome % x, want code %d", tc.mechanism, outcome, tc.code)
		}
		c.Close()
	}
}

func readFrame(r *rig, c io.Reader) []byte {
	r.Helper()
	size := make([]byte, 4)
	_, err := io.ReadFull(c, size)
	r.must(err)
	frame := make([]byte, int(size[2])<<8+int(size[3])-4)
	_, err = io.ReadFull(c, frame)
	r.must(err)
	return frame
}
