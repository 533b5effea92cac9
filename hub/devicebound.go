package hub

import (
	"slices"
	"sync"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// queue is the cloud-to-device queue of one device. A message is enqueued, then
// locked to one delivery, then completed, enqueued again or dead lettered.
type queue struct {
	hub    *Hub
	device *device

	mu       sync.Mutex
	messages []*queued // by sequence number
	sequence uint64
	receiver *amqpserver.Link // nil when the device does not listen
	timer    *time.Timer      // runs step at the next deadline of a message
	closed   bool
}

func newQueue(h *Hub, d *device) *queue { return &queue{hub: h, device: d} }

// enqueue adds a message. The sequence number never comes twice for a device,
// also not after a restart on the same directory.
func (q *queue) enqueue(m *queued) *wire.Error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return faultDeviceNotFound(q.device.id)
	}
	q.sweep(time.Now())
	if len(q.messages) >= maxQueued {
		return faultQueueDepth(q.device.id)
	}
	q.sequence++
	m.sequence = uint64(q.hub.registry.starts-1)<<32 + q.sequence
	q.messages = append(q.messages, m)
	q.deliver()
	return nil
}

// receive makes l the one link messages go to.
func (q *queue) receive(l *amqpserver.Link) {
	q.mu.Lock()
	older := q.receiver
	q.receiver = l
	q.mu.Unlock()
	l.OnCredit = q.step
	l.OnDetach = func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.receiver == l {
			q.receiver = nil
		}
	}
	if older != nil {
		older.Detach(faultStolen(q.device.id))
	}
}

// step does what is due now and delivers what may be delivered.
func (q *queue) step() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.deliver()
	}
}

// sweep ends locks and lives that are over.
func (q *queue) sweep(now time.Time) {
	kept := q.messages[:0]
	for _, m := range q.messages {
		if m.locked && !now.Before(m.until) {
			m.locked = false
		}
		if !m.locked && !now.Before(m.expires) {
			q.report(m, statusExpired)
			continue
		}
		kept = append(kept, m)
	}
	clear(q.messages[len(kept):])
	q.messages = kept
}

// deliver drops what is over, sends what waits, oldest first, and sets the timer.
func (q *queue) deliver() {
	now := time.Now()
	q.sweep(now)
	for _, m := range slices.Clone(q.messages) {
		if q.receiver == nil || q.receiver.Available() == 0 {
			break
		}
		if m.locked || now.Before(m.until) {
			continue
		}
		q.send(m, now)
	}
	q.arm(now)
}

// send delivers one message and locks it. A message the receiver cannot take
// stays until it expires.
func (q *queue) send(m *queued, now time.Time) {
	token := newLockToken()
	payload, err := m.encode(q.device, token)
	if err != nil {
		q.hub.log.Error("cloud-to-device message cannot be encoded", "device", q.device.id, "message", short(m.id), "error", err)
		return
	}
	err = q.receiver.Send(payload, amqpserver.SendOptions{
		Tag:       token[:],
		OnOutcome: func(o wire.Outcome) wire.Outcome { return q.settle(token, o) },
	})
	switch {
	case err != nil:
		q.hub.log.Debug("cloud-to-device message not sent", "device", q.device.id, "message", short(m.id), "error", err)
	case q.receiver.PeerAttach().SndSettleMode == wire.SndSettled:
		q.end(slices.Index(q.messages, m), statusSuccess)
	default:
		m.locked, m.lock, m.until = true, token, now.Add(q.hub.opts.LockFor)
	}
}

// settle applies the device's outcome to the message locked under token, and
// returns the hub's answer: accepted, whatever the outcome was, or rejected when
// the lock was lost. Without an outcome the message stays locked.
func (q *queue) settle(token lockToken, o wire.Outcome) wire.Outcome {
	if o == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.sweep(now)
	i := q.find(token)
	if i < 0 || q.closed {
		return wire.Rejected{Error: faultLockLost()}
	}
	m := q.messages[i]
	switch o.(type) {
	case wire.Accepted:
		q.end(i, statusSuccess)
	case wire.Rejected:
		q.end(i, statusRejected)
	case wire.Released:
		m.releases++
		if m.releases >= q.hub.opts.MaxDelivery {
			q.end(i, statusDeliveryCount)
		} else {
			m.locked, m.until = false, now.Add(q.hub.opts.RedeliverAfter)
		}
	default:
		return wire.Rejected{Error: fault(wire.CondNotAllowed, codeInvalid,
			"Only accepted, rejected and released settle a cloud-to-device message.")}
	}
	q.hub.log.Debug("cloud-to-device settled", "device", q.device.id, "message", short(m.id), "sequence", m.sequence, "releases", m.releases)
	q.deliver()
	return wire.Accepted{}
}

// find returns the index of the message locked under token, or -1.
func (q *queue) find(token lockToken) int {
	for i, m := range q.messages {
		if m.locked && m.lock == token {
			return i
		}
	}
	return -1
}

// end takes a message out of the queue.
func (q *queue) end(i int, s status) {
	q.report(q.messages[i], s)
	q.messages = slices.Delete(q.messages, i, i+1)
}

func (q *queue) report(m *queued, s status) {
	if m.asksFor(s) {
		q.hub.feedback.add(record{
			OriginalMessageID:  m.id,
			Description:        s.description(),
			DeviceGenerationID: q.device.generation,
			DeviceID:           q.device.id,
			StatusCode:         s,
			EnqueuedTimeUTC:    q.hub.faults.now().UTC().Format(timeFormat),
		})
	}
}

// arm sets the timer to the next deadline.
func (q *queue) arm(now time.Time) {
	var next time.Time
	for _, m := range q.messages {
		due := m.expires
		if m.locked || m.until.After(now) && m.until.Before(due) {
			due = m.until
		}
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	switch {
	case q.closed:
	case next.IsZero():
		if q.timer != nil {
			q.timer.Stop()
		}
	case q.timer == nil:
		q.timer = time.AfterFunc(next.Sub(now), q.step)
	default:
		q.timer.Reset(next.Sub(now))
	}
}

// purge drops what is not locked.
func (q *queue) purge() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	kept := q.messages[:0]
	for _, m := range q.messages {
		if m.locked {
			kept = append(kept, m)
		} else {
			q.report(m, statusPurged)
		}
	}
	purged := len(q.messages) - len(kept)
	clear(q.messages[len(kept):])
	q.messages = kept
	return purged
}

func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// close ends the queue with all that is in it, without feedback.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.messages = true, nil
	if q.timer != nil {
		q.timer.Stop()
	}
}
