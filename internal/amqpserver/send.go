package amqpserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"

	"fieldpost/internal/amqpserver/wire"
)

// Errors of Link.Send. After each of them nothing was sent.
var (
	ErrNoCredit        = errors.New("no link credit")
	ErrDetached        = errors.New("link is detached")
	ErrMessageTooLarge = errors.New("message exceeds the peer's max-message-size")
)

// maxTag is the longest delivery-tag, in bytes (spec 2.8.7).
const maxTag = 32

// SendOptions are the parameters of one Send.
type SendOptions struct {
	Tag     []byte // delivery-tag, at most 32 bytes; default the delivery-id
	Settled bool   // send it settled, where the link's snd-settle-mode leaves the choice; default false
	Format  uint32 // message-format; default 0

	// OnOutcome is called once for a delivery that was not sent settled: with the
	// peer's outcome, or with nil when the link or the connection ended before one
	// came, or when the peer settled without a state and the source has no default
	// outcome. What it returns is the state of our answer when the peer waits for
	// one (rcv-settle-mode second); nil returns the peer's. Default none.
	OnOutcome func(o wire.Outcome) wire.Outcome
}

// outgoing is a delivery on its way to the peer.
type outgoing struct {
	l         *Link
	id        uint32
	started   bool // id is given, the first frame is queued
	tag       []byte
	format    uint32
	settled   bool
	onOutcome func(wire.Outcome) wire.Outcome
	rest      []byte // payload not yet queued
}

// Available returns how many messages Send takes now.
func (l *Link) Available() uint32 {
	c := l.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	return l.available()
}

// available is the credit that no pending delivery has claimed, within our limit
// of unsettled deliveries.
func (l *Link) available() uint32 {
	if l.state != linkAttached || l.PeerSends() || l.s.c.phase != phaseOpen {
		return 0
	}
	c := l.s.c
	waiting := uint32(len(l.pending))
	if waiting > 0 && l.pending[0].started {
		waiting--
	}
	credit := remaining(l.credit, waiting)
	room := remaining(c.opts.MaxUnsettled, uint32(len(l.sent))+uint32(len(l.pending)))
	room = min(room, uint32(max(0, c.opts.MaxSending-c.sending)))
	if l.queued >= pendingRoom || c.pending >= connectionRoom {
		room = 0
	}
	l.starved = room == 0 && credit > 0
	return min(credit, room)
}

// Send queues one message for a peer that receives. It takes one credit and
// keeps payload until the last of it is written; frames go out as the session
// window and the queue have room. It fails with ErrNoCredit (wait for OnCredit),
// ErrDetached, ErrMessageTooLarge, or for a tag that is too long.
func (l *Link) Send(payload []byte, o SendOptions) error {
	c := l.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch limit := l.peer.MaxMessageSize; {
	case l.PeerSends():
		return fmt.Errorf("link %q: the peer is the sender", l.peer.Name)
	case l.state != linkAttached || c.phase != phaseOpen:
		if l.state == linkAttaching {
			return ErrNoCredit
		}
		return ErrDetached
	case len(o.Tag) > maxTag:
		return fmt.Errorf("delivery-tag of %d bytes, at most %d allowed", len(o.Tag), maxTag)
	case limit > 0 && uint64(len(payload)) > limit:
		return ErrMessageTooLarge
	case l.available() == 0:
		return ErrNoCredit
	}
	if len(l.pending) == 0 {
		l.s.ready = append(l.s.ready, l)
	}
	c.sending++
	c.pending += len(payload)
	l.queued += len(payload)
	l.pending = append(l.pending, &outgoing{
		l:         l,
		tag:       slices.Clone(o.Tag),
		format:    o.Format,
		settled:   l.peer.SndSettleMode == wire.SndSettled || o.Settled && l.peer.SndSettleMode == wire.SndMixed,
		onOutcome: o.OnOutcome,
		rest:      payload,
	})
	l.s.pump()
	return nil
}

// pump queues the frames of pending deliveries as far as the session window, the
// links' credit and the queue allow; links take turns by delivery.
func (s *session) pump() {
	for stuck := 0; stuck < len(s.ready); {
		if s.c.phase != phaseOpen || s.remoteWindow == 0 {
			return
		}
		if len(s.c.out.buf) >= bulkQueue {
			s.c.sessionsBlock = true
			return
		}
		l := s.ready[0]
		if len(l.pending) > 0 && l.state == linkAttached {
			o := l.pending[0]
			if !o.started && l.credit == 0 {
				s.ready = append(s.ready[1:], l)
				stuck++
				continue
			}
			if !s.sendFrame(o) {
				continue
			}
			l.pending[0] = nil
			l.pending = l.pending[1:]
			if o.settled {
				s.c.release(1, 0)
			}
			l.sentOne()
		}
		stuck = 0
		s.ready = s.ready[1:]
		if len(l.pending) > 0 && l.state == linkAttached {
			s.ready = append(s.ready, l)
		}
	}
}

// sentOne follows the last frame of a delivery.
func (l *Link) sentOne() {
	l.drained()
	l.refill()
}

// refill notes that a link which refused a Send for our limit has room again.
func (l *Link) refill() {
	if l.starved && l.available() > 0 {
		l.s.c.refilled = append(l.s.c.refilled, l)
	}
}

// release gives back room that all links of the connection share. Those that were
// refused a Send for want of it may try again.
func (c *Conn) release(messages, bytes int) {
	full := c.sending >= c.opts.MaxSending || c.pending >= connectionRoom
	c.sending -= messages
	c.pending -= bytes
	if !full || c.sending >= c.opts.MaxSending || c.pending >= connectionRoom {
		return
	}
	for _, s := range c.sessions {
		for _, l := range s.links {
			l.refill()
		}
	}
}

// credited calls OnCredit if there is something to be sent.
func (l *Link) credited() {
	if l.OnCredit == nil || l.available() == 0 {
		return
	}
	c := l.s.c
	c.mu.Unlock()
	defer c.mu.Lock()
	l.OnCredit()
}

// sendFrame queues the next transfer frame of o and reports whether it was the last.
func (s *session) sendFrame(o *outgoing) bool {
	t := &wire.Transfer{Handle: o.l.handle, Settled: o.settled}
	if !o.started {
		s.start(o)
		t.DeliveryID, t.DeliveryTag, t.MessageFormat = &o.id, o.tag, &o.format
	}
	n := min(s.c.transferRoom(s.channel, t), len(o.rest))
	t.Payload, o.rest = o.rest[:n], o.rest[n:]
	o.l.queued -= n
	s.c.release(0, n)
	if t.More = len(o.rest) > 0; !t.More {
		o.rest = nil // an unsettled delivery must not hold its payload
	}
	s.nextOutgoingID++
	s.remoteWindow--
	s.c.send(s.channel, t)
	return !t.More
}

// transferRoom returns how much payload fits the frame of t, which has none yet.
// A peer may allow frames of 4 GiB; a larger message than bulkQueue is still cut,
// so that links take turns and the queue stays bounded.
func (c *Conn) transferRoom(channel uint16, t *wire.Transfer) int {
	t.More = true
	c.scratch, _ = wire.AppendFrame(c.scratch[:0], wire.FrameAMQP, channel, t)
	return int(min(c.maxFrame, bulkQueue)) - len(c.scratch)
}

// start gives o its delivery-id and takes its credit.
func (s *session) start(o *outgoing) {
	o.id = s.nextDeliveryID
	s.nextDeliveryID++
	o.started = true
	o.l.credit--
	o.l.deliveryCount++
	if len(o.tag) == 0 {
		o.tag = binary.BigEndian.AppendUint32(nil, o.id)
	}
	if !o.settled {
		s.sent[o.id] = o
		o.l.sent[o.id] = o
	}
}

// abandon forgets all deliveries of a link and returns those that were to have
// an outcome, in the order of Send.
func (l *Link) abandon() []*outgoing {
	var unsettled []*outgoing
	ended := len(l.sent)
	for id, o := range l.sent {
		delete(l.s.sent, id)
		unsettled = append(unsettled, o)
	}
	next := l.s.nextDeliveryID
	sort.Slice(unsettled, func(i, j int) bool { return unsettled[i].id-next < unsettled[j].id-next })
	for _, o := range l.pending {
		if !o.started && !o.settled {
			unsettled = append(unsettled, o)
		}
		if !o.started || o.settled {
			ended++ // it is not among the sent ones
		}
	}
	queued := l.queued
	l.sent, l.pending, l.queued = nil, nil, 0
	l.s.ready = slices.DeleteFunc(l.s.ready, func(other *Link) bool { return other == l })
	l.s.c.release(ended, queued)
	return unsettled
}
