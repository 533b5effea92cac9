package hub

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

const (
	maxMethodPayload = 128 << 10 // bytes, each way
	maxMethodReply   = maxMethodPayload + 4<<10
	maxCalls         = 100 // waiting for one device
	defaultResponse  = 30 * time.Second
)

// Method is a direct method to call on a device.
type Method struct {
	Name    string          // required
	Payload json.RawMessage // any JSON of at most 128 KB; default null
	// ConnectTimeout is how long to wait for a device that does not listen for
	// methods. Default 0: not at all.
	ConnectTimeout time.Duration
	// ResponseTimeout is how long to wait for its reply. Default 30 s.
	ResponseTimeout time.Duration
}

// MethodResult is what a device replied.
type MethodResult struct {
	Status  int             // the device's own, whatever it means there
	Payload json.RawMessage // null without one
}

// InvokeMethod calls a method of a device and waits for the reply. The error is
// that of ctx or an *Error: 404001 no such device, 404103 not listening within
// ConnectTimeout, 404104 its link ended before the reply, 504101 no reply within
// ResponseTimeout, 502000 a reply that is not JSON.
func (h *Hub) InvokeMethod(ctx context.Context, deviceID string, m Method) (MethodResult, error) {
	d := h.registry.lookup(deviceID)
	if d == nil {
		return MethodResult{}, refuseUnknown(deviceID)
	}
	if len(m.Payload) == 0 {
		m.Payload = json.RawMessage("null")
	}
	if m.ResponseTimeout <= 0 {
		m.ResponseTimeout = defaultResponse
	}
	switch {
	case m.Name == "":
		return MethodResult{}, refuseArgument("A method needs a name.")
	case len(m.Payload) > maxMethodPayload:
		return MethodResult{}, refuse(codeTooLarge, "The payload has %d bytes, at most %d are allowed.", len(m.Payload), maxMethodPayload)
	case !json.Valid(m.Payload):
		return MethodResult{}, refuseArgument("The payload of a method is JSON.")
	}
	return d.methods.invoke(ctx, m)
}

// methods are the direct methods of one device: its links, and the calls that
// wait for a reply.
type methods struct {
	hub    *Hub
	device *device

	mu     sync.Mutex
	links  channel
	calls  map[wire.UUID]*call
	moved  chan struct{} // closed and replaced when a link comes, goes or has credit
	closed bool
}

// call is one method under way.
type call struct {
	id   wire.UUID
	link *amqpserver.Link // the request went out on
	done chan callResult  // has room for the one result
}

type callResult struct {
	MethodResult
	err error
}

func newMethods(h *Hub, d *device) *methods {
	return &methods{hub: h, device: d, calls: make(map[wire.UUID]*call), moved: make(chan struct{})}
}

func (s *methods) invoke(ctx context.Context, m Method) (MethodResult, error) {
	c := &call{done: make(chan callResult, 1)}
	rand.Read(c.id[:])
	c.id[6], c.id[8] = c.id[6]&0x0f|0x40, c.id[8]&0x3f|0x80
	payload, err := (&wire.Message{
		Properties:            &wire.Properties{CorrelationID: c.id},
		ApplicationProperties: wire.Map{propertyMethodName: m.Name},
		Data:                  [][]byte{m.Payload},
	}).Marshal()
	if err != nil {
		return MethodResult{}, refuseArgument("The method cannot be sent: %v.", err)
	}
	if err := s.register(c); err != nil {
		return MethodResult{}, err
	}
	defer s.forget(c)
	if err := s.connected(ctx, m.ConnectTimeout); err != nil {
		return MethodResult{}, err
	}
	response := time.NewTimer(m.ResponseTimeout)
	defer response.Stop()
	for sent := false; ; {
		var moved <-chan struct{}
		if !sent {
			if sent, moved, err = s.send(c, payload); err != nil {
				return MethodResult{}, err
			}
		}
		select {
		case result := <-c.done:
			return result.MethodResult, result.err
		case <-moved:
		case <-response.C:
			return MethodResult{}, refuse(codeNoReply, "Timed out waiting for the response from device.")
		case <-ctx.Done():
			return MethodResult{}, ctx.Err()
		}
	}
}

func (s *methods) register(c *call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls) >= maxCalls {
		return refuse(codeThrottled, "%d calls wait for device %.128s already.", maxCalls, s.device.name())
	}
	s.calls[c.id] = c
	return nil
}

func (s *methods) forget(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c.id)
}

// connected waits until the device listens.
func (s *methods) connected(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(max(limit, 0))
	defer timer.Stop()
	for {
		s.mu.Lock()
		listens, moved, closed := s.links.receiver != nil, s.moved, s.closed
		s.mu.Unlock()
		switch {
		case closed:
			return refuseUnknown(s.device.name())
		case listens:
			return nil
		}
		select {
		case <-moved:
		case <-timer.C:
			return refuse(codeDeviceOffline, "Timed out waiting for device to connect.")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send sends the request, or says what to wait for when the device gives no
// credit.
func (s *methods) send(c *call, payload []byte) (sent bool, moved <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.links.receiver
	if l == nil {
		return false, nil, refuseGone()
	}
	switch err := l.Send(payload, amqpserver.SendOptions{Tag: c.id[:], Settled: true}); {
	case err == nil:
		c.link = l
		return true, nil, nil
	case errors.Is(err, amqpserver.ErrNoCredit):
		return false, s.moved, nil
	case errors.Is(err, amqpserver.ErrMessageTooLarge):
		return false, nil, refuse(codeTooLarge, "The device takes no message of %d bytes.", len(payload))
	default:
		return false, nil, refuseGone()
	}
}

func refuseGone() *Error {
	return refuse(codeConnectionClosed, "The device has closed its link before the response.")
}

// close ends all calls: the device is gone for good.
func (s *methods) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.move()
	for _, c := range s.calls {
		c.end(callResult{err: refuseUnknown(s.device.name())})
	}
}

// move wakes what waits for a change of the links; the caller holds mu.
func (s *methods) move() {
	close(s.moved)
	s.moved = make(chan struct{})
}

// end gives a call its result; the first counts.
func (c *call) end(r callResult) {
	select {
	case c.done <- r:
	default:
	}
}
