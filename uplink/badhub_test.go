package uplink_test

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
	"fieldpost/uplink"
)

// badHub is a hub that misbehaves in one way, a number of times, and is a good one
// afterwards. It knows no tokens and no devices.
type badHub struct {
	where string     // cbs, open, attach, detach, end or close
	fault wire.Error // of cbs: the condition is the status
	times int

	mu     sync.Mutex
	faults int
	got    map[string]int // message-ids accepted
	answer *amqpserver.Link
	nc     net.Conn
	reply  []byte          // for $cbs, waits for credit
	begun  uint16          // channel of the session begun last, as the hub numbers it
	ending map[uint16]bool // channels on which an end was sent behind the engine's back
	ended  map[uint16]bool // those of them on which it has passed
}

// dial connects in memory, without TLS.
func (h *badHub) dial(context.Context, uplink.Identity) (net.Conn, error) {
	client, server := net.Pipe()
	h.mu.Lock()
	h.nc, h.ending, h.ended = server, map[uint16]bool{}, map[uint16]bool{}
	h.mu.Unlock()
	go func() {
		_ = amqpserver.Serve(context.Background(), server, amqpserver.Options{
			Handler: h, Mechanisms: []wire.Symbol{"ANONYMOUS"}, Log: slog.New(slog.DiscardHandler)})
	}()
	return &frames{Conn: client, keep: h.pass}, nil
}

// pass drops what the engine says on a session after the end that it knows nothing
// of.
func (h *badHub) pass(f []byte) bool {
	if len(f) < 11 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	ch := channel(f)
	switch performative(f) {
	case performBegin:
		h.begun = ch
		delete(h.ending, ch)
		delete(h.ended, ch)
	case performEnd:
		if h.ending[ch] {
			delete(h.ending, ch)
			h.ended[ch] = true
			return true
		}
	}
	return !h.ended[ch]
}

// strike reports whether the fault is due at this place, and books it.
func (h *badHub) strike(where string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if where != h.where || h.faults >= h.times {
		return false
	}
	h.faults++
	return true
}

func (h *badHub) Authenticate(*amqpserver.Conn, string, []byte) error { return nil }
func (h *badHub) Closed(*amqpserver.Conn)                             {}

func (h *badHub) Opened(*amqpserver.Conn) error {
	if h.strike("open") {
		return &h.fault
	}
	return nil
}

func (h *badHub) Attach(l *amqpserver.Link) error {
	a := l.PeerAttach()
	if !l.PeerSends() {
		h.answer, h.reply = l, nil
		l.OnCredit = h.send
		return nil
	}
	l.Credit = 100
	if a.Target != nil && a.Target.Address == "$cbs" {
		l.OnDelivery = h.putToken
		return nil
	}
	if h.strike("attach") {
		return &h.fault
	}
	l.OnDelivery = h.telemetry
	return nil
}

func (h *badHub) putToken(d *amqpserver.Delivery) {
	d.Settle(wire.Accepted{})
	m, err := wire.ParseMessage(d.Payload)
	if err != nil {
		d.Link.Conn().Abort()
		return
	}
	status, description := int32(200), "OK"
	if h.strike("cbs") {
		n, _ := strconv.Atoi(string(h.fault.Condition))
		status, description = int32(n), h.fault.Description
	}
	out, err := (&wire.Message{
		Properties:            &wire.Properties{CorrelationID: m.Properties.MessageID},
		ApplicationProperties: wire.Map{"status-code": status, "status-description": description},
		Value:                 nil, HasValue: true,
	}).Marshal()
	if err != nil {
		d.Link.Conn().Abort()
		return
	}
	h.reply = out
	h.send()
}

// send answers a request as soon as there is credit for it.
func (h *badHub) send() {
	if h.reply != nil && h.answer.Send(h.reply, amqpserver.SendOptions{}) == nil {
		h.reply = nil
	}
}

// telemetry takes the first message of a link before it misbehaves.
func (h *badHub) telemetry(d *amqpserver.Delivery) {
	m, err := wire.ParseMessage(d.Payload)
	if err != nil {
		d.Link.Conn().Abort()
		return
	}
	h.mu.Lock()
	if h.got == nil {
		h.got = map[string]int{}
	}
	id, _ := m.Properties.MessageID.(string)
	h.got[id]++
	h.mu.Unlock()
	d.Settle(wire.Accepted{})
	if d.Link.Value != nil {
		return
	}
	defer func() { d.Link.Value = true }()
	switch {
	case h.strike("detach"):
		d.Link.Detach(&h.fault)
	case h.strike("close"):
		d.Link.Conn().Close(&h.fault)
	case h.strike("end"):
		h.mu.Lock()
		ch, nc := h.begun, h.nc
		h.ending[ch] = true
		h.mu.Unlock()
		end, err := wire.AppendFrame(nil, wire.FrameAMQP, ch, &wire.End{Error: &h.fault})
		if err != nil {
			d.Link.Conn().Abort()
			return
		}
		go func() { _, _ = nc.Write(end) }()
	}
}
