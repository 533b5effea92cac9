package hub_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/internal/amqpserver/wire"
)

// inVirtualTime runs f with a hub in memory.
func inVirtualTime(t *testing.T, f func(*testing.T, *rig)) {
	synctest.Test(t, func(t *testing.T) { f(t, newMemoryRig(t, hub.Options{})) })
}

// wireClient speaks AMQP frame by frame.
type wireClient struct {
	*rig
	net.Conn
}

// wire does the protocol header on a new connection.
func (r *rig) wire() *wireClient {
	r.Helper()
	c := &wireClient{rig: r, Conn: r.tls()}
	c.header("AMQP\x00\x01\x00\x00")
	return c
}

func (c *wireClient) header(text string) {
	c.Helper()
	_, err := io.WriteString(c.Conn, text)
	c.must(err)
	got := make([]byte, 8)
	_, err = io.ReadFull(c.Conn, got)
	c.must(err)
	if string(got) != text {
		c.Fatalf("header is %q, want %q", got, text)
	}
}

func (c *wireClient) send(body wire.Body) {
	c.Helper()
	frame, err := wire.AppendFrame(nil, wire.FrameAMQP, 0, body)
	c.must(err)
	_, err = c.Write(frame)
	c.must(err)
}

// next returns the body of the next frame, nil for a heartbeat.
func (c *wireClient) next() wire.Body {
	c.Helper()
	head := make([]byte, 8)
	_, err := io.ReadFull(c.Conn, head)
	c.must(err)
	rest := make([]byte, binary.BigEndian.Uint32(head)-8)
	_, err = io.ReadFull(c.Conn, rest)
	c.must(err)
	if len(rest) == 0 {
		return nil
	}
	body, err := wire.ParseBody(rest)
	c.must(err)
	return body
}

// nextOf returns the next frame, which must be a T.
func nextOf[T wire.Body](c *wireClient) T {
	c.Helper()
	body, ok := c.next().(T)
	if !ok {
		c.Fatalf("frame is %T", body)
	}
	return body
}

// What the gateway announces, value by value.
func TestGatewayOpenBeginAttach(t *testing.T) {
	r := newRig(t, hub.Options{})
	c := r.wire()
	c.send(&wire.Open{ContainerID: "c", MaxFrameSize: 4294967295, ChannelMax: 65535, IdleTimeout: 240_000})
	o := nextOf[*wire.Open](c)
	if !regexp.MustCompile(`^DeviceGateway_[0-9a-f]{32}$`).MatchString(o.ContainerID) || o.Hostname != "localhost" ||
		o.MaxFrameSize != 65536 || o.ChannelMax != 8191 || o.IdleTimeout != 240_000 {
		t.Errorf("open %+v", o)
	}
	c.send(&wire.Begin{NextOutgoingID: 7, IncomingWindow: 2048, OutgoingWindow: 100, HandleMax: 4294967295})
	b := nextOf[*wire.Begin](c)
	if b.RemoteChannel == nil || *b.RemoteChannel != 0 || b.NextOutgoingID != 1 || b.IncomingWindow != 5000 ||
		b.OutgoingWindow != 100 || b.HandleMax != 262143 {
		t.Errorf("begin %+v", b)
	}
	for _, mode := range []struct{ snd, rcv byte }{{2, 0}, {0, 0}, {1, 1}} {
		var first uint32
		c.send(&wire.Attach{Name: string('a' + rune(mode.snd)), Handle: uint32(mode.snd), SndSettleMode: mode.snd, RcvSettleMode: mode.rcv,
			Source: &wire.Source{Address: "free text"}, Target: &wire.Target{Address: "$cbs"}, InitialDeliveryCount: &first})
		a := nextOf[*wire.Attach](c)
		if a.MaxMessageSize != 1048576 || a.SndSettleMode != mode.snd || a.RcvSettleMode != mode.rcv || a.Target == nil || a.Target.Address != "$cbs" {
			t.Errorf("attach %+v", a)
		}
		f := nextOf[*wire.Flow](c)
		if f.NextIncomingID == nil || *f.NextIncomingID != 7 || f.IncomingWindow != 5000 || f.OutgoingWindow != 100 || f.LinkCredit == nil || *f.LinkCredit != 100 {
			t.Errorf("flow %+v", f)
		}
	}
	c.send(&wire.Attach{Name: "r", Handle: 9, Role: wire.RoleReceiver, Source: &wire.Source{Address: "$cbs"}, Target: &wire.Target{}})
	if a := nextOf[*wire.Attach](c); a.InitialDeliveryCount == nil || *a.InitialDeliveryCount != 0 {
		t.Errorf("attach of the receiver %+v", a)
	}
	c.send(&wire.Attach{Name: "x", Handle: 10, Role: wire.RoleReceiver, Source: &wire.Source{Address: "nowhere"}, Target: &wire.Target{}})
	if a := nextOf[*wire.Attach](c); a.Source != nil {
		t.Errorf("refused attach has source %+v", a.Source)
	}
	if d := nextOf[*wire.Detach](c); !d.Closed || d.Error == nil || d.Error.Condition != "amqp:not-found" {
		t.Errorf("detach %+v", d)
	}
}

// The second generation of the gateway announces other values, and mechanisms in
// another order; it says no welcome.
func TestSecondGateway(t *testing.T) {
	for line, bare := range map[string]bool{"gwv2": false, "gwv2 how=bare-flow": true} {
		faulty(t, func(t *testing.T, r *rig) {
			c := &wireClient{rig: r, Conn: r.tls()}
			c.header("AMQP\x03\x01\x00\x00")
			m := nextOf[*wire.SASLMechanisms](c)
			if want := []wire.Symbol{"PLAIN", "ANONYMOUS", "MSSBCBS", "EXTERNAL"}; !slices.Equal(m.Mechanisms, want) {
				t.Errorf("mechanisms %v, want %v", m.Mechanisms, want)
			}
			frame, err := wire.AppendFrame(nil, wire.FrameSASL, 0, &wire.SASLInit{Mechanism: "ANONYMOUS"})
			r.must(err)
			_, err = c.Write(frame)
			r.must(err)
			if o := nextOf[*wire.SASLOutcome](c); o.Code != wire.SASLCodeOK || o.AdditionalData != nil {
				t.Errorf("outcome %+v", o)
			}
			c.header("AMQP\x00\x01\x00\x00")
			c.send(&wire.Open{ContainerID: "c", MaxFrameSize: 65536, ChannelMax: 10})
			o := nextOf[*wire.Open](c)
			if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(o.ContainerID) || o.Hostname != "" ||
				o.MaxFrameSize != 65535 || o.ChannelMax != 1024 || o.IdleTimeout != 240_000 {
				t.Errorf("open %+v", o)
			}
			c.send(&wire.Begin{NextOutgoingID: 7, IncomingWindow: 10, OutgoingWindow: 10, HandleMax: 10})
			nextOf[*wire.Begin](c)
			var first uint32
			c.send(&wire.Attach{Name: "s", Source: &wire.Source{}, Target: &wire.Target{Address: "$cbs"}, InitialDeliveryCount: &first})
			nextOf[*wire.Attach](c)
			if f := nextOf[*wire.Flow](c); (f.NextIncomingID == nil) != bare {
				t.Errorf("%s: flow %+v", line, f)
			}
		}, line)
	}
}

// go-amqp works with the second gateway, and ends a session that gets the flow
// frames of its first days.
func TestSecondGatewayWithGoAMQP(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		c, err := r.open(amqp.SASLTypeAnonymous())
		r.must(err)
		s, err := r.peer(c).session.NewSender(r.ctx, "$cbs", nil)
		if err == nil {
			err = s.Send(r.ctx, amqp.NewMessage(nil), nil)
		}
		var ended *amqp.SessionError
		if !errors.As(err, &ended) {
			t.Errorf("after a flow without next-incoming-id: %v", err)
		}
		d := r.asDevice("dev1")
		d.accepted(d.sender(telemetryAddress("dev1")), amqp.NewMessage([]byte("x")))
		r.struck(1, 1)
		r.struck(2, 1)
	}, "gwv2 how=bare-flow count=1", "gwv2 connection=2")
}

func TestGatewaySASL(t *testing.T) {
	r := newRig(t, hub.Options{})
	c := &wireClient{rig: r, Conn: r.tls()}
	c.header("AMQP\x03\x01\x00\x00")
	m := nextOf[*wire.SASLMechanisms](c)
	want := []wire.Symbol{"EXTERNAL", "MSSBCBS", "ANONYMOUS", "PLAIN"}
	for i := range want {
		if len(m.Mechanisms) != len(want) || m.Mechanisms[i] != want[i] {
			t.Fatalf("mechanisms %v, want %v", m.Mechanisms, want)
		}
	}
	frame, err := wire.AppendFrame(nil, wire.FrameSASL, 0, &wire.SASLInit{Mechanism: "MSSBCBS"})
	r.must(err)
	_, err = c.Write(frame)
	r.must(err)
	if o := nextOf[*wire.SASLOutcome](c); o.Code != wire.SASLCodeOK || !bytes.Equal(o.AdditionalData, []byte("Welcome!")) {
		t.Errorf("outcome %+v", o)
	}
	c.header("AMQP\x00\x01\x00\x00")
}

// The gateway is silent for seven eighths of the peer's idle-time-out; who names
// none counts as two minutes.
func TestGatewayHeartbeat(t *testing.T) {
	for announced, want := range map[uint32]time.Duration{
		240_000: 210 * time.Second,
		30_000:  26250 * time.Millisecond,
		0:       105 * time.Second,
	} {
		inVirtualTime(t, func(t *testing.T, r *rig) {
			c := r.wire()
			c.send(&wire.Open{ContainerID: "c", MaxFrameSize: 65536, ChannelMax: 10, IdleTimeout: announced})
			nextOf[*wire.Open](c)
			begun := time.Now()
			if body := c.next(); body != nil || time.Since(begun) != want {
				t.Errorf("idle-time-out %d: %T after %v, want a heartbeat after %v", announced, body, time.Since(begun), want)
			}
		})
	}
}

// A peer that says nothing for the gateway's own idle-time-out is closed.
func TestGatewayIdle(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, r *rig) {
		c := r.wire()
		c.send(&wire.Open{ContainerID: "c", MaxFrameSize: 65536, ChannelMax: 10, IdleTimeout: 3_600_000})
		o := nextOf[*wire.Open](c)
		begun := time.Now()
		got := nextOf[*wire.Close](c)
		if took := time.Since(begun); took != 240*time.Second || got.Error == nil || got.Error.Condition != "amqp:connection:forced" ||
			!regexp.MustCompile(`inactive for more than the allowed 240000 milliseconds.*'`+o.ContainerID+`'`).MatchString(got.Error.Description) {
			t.Errorf("after %v: %+v", took, got.Error)
		}
	})
}

// A put-token as the gateway's own trace has it: the request settled as accepted,
// then a reply that is not settled, under a counter for a tag.
func TestGatewayPutToken(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	c := r.wire()
	c.send(&wire.Open{ContainerID: "c", MaxFrameSize: 65536, ChannelMax: 10})
	nextOf[*wire.Open](c)
	c.send(&wire.Begin{IncomingWindow: 10, OutgoingWindow: 10, HandleMax: 10})
	nextOf[*wire.Begin](c)
	var first, credit uint32 = 0, 5
	c.send(&wire.Attach{Name: "s", Handle: 0, Source: &wire.Source{}, Target: &wire.Target{Address: "$cbs"}, InitialDeliveryCount: &first})
	nextOf[*wire.Attach](c)
	nextOf[*wire.Flow](c)
	c.send(&wire.Attach{Name: "r", Handle: 1, Role: wire.RoleReceiver, Source: &wire.Source{Address: "$cbs"}, Target: &wire.Target{}})
	nextOf[*wire.Attach](c)
	handle := uint32(1)
	c.send(&wire.Flow{NextIncomingID: &first, IncomingWindow: 10, OutgoingWindow: 10, Handle: &handle, DeliveryCount: &first, LinkCredit: &credit})

	request := &wire.Message{
		Properties:            &wire.Properties{MessageID: uint64(7), To: "$cbs", ReplyTo: "cbs"},
		ApplicationProperties: wire.Map{"operation": "put-token", "type": sasType, "name": "localhost%2Fdevices%2Fdev1"},
		Value:                 r.deviceToken("dev1", time.Hour), HasValue: true,
	}
	for n := byte(1); n <= 2; n++ {
		payload, err := request.Marshal()
		r.must(err)
		id := uint32(n - 1)
		c.send(&wire.Transfer{Handle: 0, DeliveryID: &id, DeliveryTag: []byte{n}, Payload: payload})
		d := nextOf[*wire.Disposition](c)
		if _, ok := d.State.(wire.Accepted); !ok || !d.Settled {
			t.Errorf("disposition %+v", d)
		}
		reply := nextOf[*wire.Transfer](c)
		if reply.Settled || !bytes.Equal(reply.DeliveryTag, []byte{n, 0, 0, 0}) {
			t.Errorf("reply %d: settled %v, tag % x", n, reply.Settled, reply.DeliveryTag)
		}
		m, err := wire.ParseMessage(reply.Payload)
		r.must(err)
		if m.Properties.CorrelationID != uint64(7) || m.ApplicationProperties["status-code"] != int32(200) || m.ApplicationProperties["status-description"] != "OK" {
			t.Errorf("reply %d: %+v %v", n, m.Properties, m.ApplicationProperties)
		}
	}
}
