package hub

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// maxGarbage bounds the bytes one strike of garbage sends.
const maxGarbage = 1 << 20

// accepted is a connection that has just been made.
type accepted struct {
	ctx     context.Context
	socket  *socket
	engine  *amqpserver.Options
	refused bool
}

// admitted lets the faults see a connection before its first byte. It reports
// whether there is still one.
func (s *faultSet) admitted(c *accepted) bool {
	list := s.accepts.Load()
	if list == nil {
		return true
	}
	for _, a := range *list {
		if a.connection != 0 && a.connection != c.socket.number {
			continue
		}
		if a.kind.begin != nil { // it lasts, and holds sockets
			a.kind.accept(a, c)
		} else if a.strikes() {
			a.kind.accept(a, c)
			a.tell()
		}
		if c.refused {
			return false
		}
	}
	return true
}

func refuseConnection(a *activeFault, c *accepted) {
	c.socket.drop(a.how)
	c.refused = true
}

func delayConnection(a *activeFault, c *accepted) {
	timer := time.NewTimer(a.by)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

// secondGateway makes the hub announce what the second generation of the cloud's
// gateway does. At first it left next-incoming-id out of its flow frames.
func secondGateway(a *activeFault, c *accepted) {
	c.engine.Mechanisms = []wire.Symbol{mechanismPlain, mechanismAnonymous, mechanismCBS, mechanismExternal}
	c.engine.Welcome = nil
	c.engine.ContainerID = newTrackingID()
	c.engine.Hostname = ""
	c.engine.MaxFrameSize = 65535
	c.engine.ChannelMax = 1024
	c.engine.BareFlow = a.how == "bare-flow"
}

// swallow lets a new connection fall into a black hole before its first byte.
func (a *activeFault) swallow(c *accepted) {
	a.mu.Lock()
	falls := a.armed && !a.over && a.take()
	a.mu.Unlock()
	if !falls {
		return
	}
	a.fell(c.socket)
	a.tell()
}

// fell lets a socket fall into the fault's black hole. It stays there beyond the
// life of the connection.
func (a *activeFault) fell(s *socket) {
	s.fall()
	a.mu.Lock()
	over, full := a.over, len(a.targets) > 2*a.set.hub.opts.MaxConnections
	if !over && !full {
		a.targets[faultTarget{s: s}] = struct{}{}
	}
	a.mu.Unlock()
	switch {
	case over:
		s.rise()
	case full:
		s.shut()
	}
}

func redirectLink(a *activeFault, text string) *wire.Error {
	host, port, err := net.SplitHostPort(a.to)
	if err != nil {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	path := text
	if trimmed := trimScheme(text); trimmed != text {
		_, path, _ = strings.Cut(trimmed, "/")
	}
	e := redirection(host, uint16(n), strings.TrimPrefix(path, "/"))
	if a.description != "" {
		e.Description = a.description
	}
	return e
}

func stolenLink(a *activeFault, t faultTarget) *wire.Error {
	if a.how == "internal" {
		return fault(wire.CondInternalError, codeLinkConflict, "Another AMQP Client has opened a Receive Link.")
	}
	return faultStolen(t.p.heldLink(t.l).identity)
}

// halfFrame sends the beginning of a frame and nothing after it.
func halfFrame(a *activeFault, t faultTarget) bool {
	frame, err := wire.AppendFrame(nil, wire.FrameAMQP, 0, &wire.Flow{IncomingWindow: 1, OutgoingWindow: 1})
	if err != nil {
		return false
	}
	var end func()
	if a.how != "" {
		end = func() { t.p.socket().drop(a.how) }
	}
	t.p.conn.WriteLast(frame[:len(frame)/2], end)
	return true
}

// oversizedFrame sends one frame that is larger than the peer takes, and right
// in every other way. A peer that takes a mebibyte and more gets none.
func oversizedFrame(_ *activeFault, t faultTarget) bool {
	open := t.p.conn.PeerOpen()
	if open == nil || open.MaxFrameSize >= maxGarbage {
		return false
	}
	var none uint32
	flow := &wire.Flow{
		NextIncomingID: &none, IncomingWindow: 5000, OutgoingWindow: 5000,
		Properties: wire.Map{wire.Symbol("padding"): strings.Repeat("x", int(open.MaxFrameSize))},
	}
	frame, err := wire.AppendFrame(nil, wire.FrameAMQP, 0, flow)
	if err != nil {
		return false
	}
	t.p.conn.WriteRaw(frame)
	return true
}

// garbage sends bytes at random between two frames.
func garbage(a *activeFault, t faultTarget) bool {
	n := a.bytes
	if n == 0 {
		n = 64
	}
	random := rand.New(rand.NewPCG(a.seed, 1))
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.BigEndian.AppendUint64(b, random.Uint64())
	}
	t.p.conn.WriteRaw(b[:n])
	return true
}

// turnClock sets the hub's clock to what the faults say that are not over.
func (s *faultSet) turnClock() {
	s.mu.Lock()
	var skew time.Duration
	for _, a := range s.all {
		if a.kind != nil && a.kind.turn != nil && a.turned() {
			skew += a.by
		}
	}
	s.skew.Store(int64(skew))
	s.mu.Unlock()
	for _, p := range s.everyone() {
		p.rearm()
	}
}

// turned reports whether the fault is at work.
func (a *activeFault) turned() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.armed && !a.over
}
