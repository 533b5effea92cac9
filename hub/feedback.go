package hub

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

const (
	feedbackType    = "application/vnd.microsoft.iothub.feedback.json"
	feedbackAddress = "/messages/serviceBound/feedback"
	feedbackBatch   = 64    // records in one message
	maxFeedback     = 10000 // records waiting; the oldest are dropped first
	maxFeedbackTry  = 10    // deliveries of one message
)

// feedbackQueue holds the feedback of the whole hub. One message is out at a
// time, to one of the receivers; the next follows its settlement or the end of
// its lock.
type feedbackQueue struct {
	every, ttl, lockFor, redeliver time.Duration
	hubName                        string
	clock                          func() time.Time // the hub's, which may be wrong

	mu        sync.Mutex
	waiting   []record
	current   *feedbackMessage // delivered, or to be delivered again
	receivers []*amqpserver.Link
	timer     *time.Timer
	closed    bool
	told      *told // nil unless devices send records too
}

// feedbackMessage is up to 64 records in one AMQP message.
type feedbackMessage struct {
	payload []byte
	expires time.Time
	tries   int

	locked bool
	lock   lockToken
	until  time.Time // locked: end of the lock; else the earliest delivery
}

func newFeedbackQueue(opts Options, clock func() time.Time) *feedbackQueue {
	f := &feedbackQueue{
		every: opts.FeedbackEvery, ttl: opts.DefaultTTL, lockFor: opts.LockFor, redeliver: opts.RedeliverAfter,
		hubName: newHostNames(opts.HostName, 0).hub(),
		clock:   clock,
	}
	if opts.DeviceFeedbackLink {
		f.told = newTold()
	}
	return f
}

// add takes the record of one ended message.
func (f *feedbackQueue) add(r record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.told != nil && !f.told.first(r.DeviceID, r.OriginalMessageID) {
		return
	}
	r.at = time.Now()
	if r.EnqueuedTimeUTC == "" {
		r.EnqueuedTimeUTC = f.clock().UTC().Format(timeFormat)
	}
	if len(f.waiting) >= maxFeedback {
		f.waiting = f.waiting[1:]
	}
	f.waiting = append(f.waiting, r)
	f.deliver()
}

// forget drops the waiting records of a device.
func (f *feedbackQueue) forget(deviceID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = slices.DeleteFunc(f.waiting, func(r record) bool { return r.DeviceID == deviceID })
	if f.told != nil {
		f.told.forget(deviceID)
	}
}

// receive adds a receiver.
func (f *feedbackQueue) receive(l *amqpserver.Link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.receivers = append(f.receivers, l)
	l.OnCredit = f.step
	l.OnDetach = func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.receivers = slices.DeleteFunc(f.receivers, func(r *amqpserver.Link) bool { return r == l })
	}
}

func (f *feedbackQueue) step() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.deliver()
	}
}

// deliver ends what is over, sends the next message if it may, and sets the
// timer.
func (f *feedbackQueue) deliver() {
	now := time.Now()
	f.sweep(now)
	for f.sendNext(now) {
	}
	f.arm(now)
}

// sendNext sends the next message if it may. It reports whether the one behind it
// need not wait for this one's settlement.
func (f *feedbackQueue) sendNext(now time.Time) bool {
	l := f.ready()
	if l == nil {
		return false
	}
	if f.current == nil && f.due(now) {
		f.current = f.next(now)
	}
	m := f.current
	if m == nil || m.locked || now.Before(m.until) || !f.send(l, m, now) {
		return false
	}
	if l.PeerAttach().SndSettleMode == wire.SndSettled {
		f.current = nil // no outcome follows
		return true
	}
	return false
}

func (f *feedbackQueue) sweep(now time.Time) {
	old := 0
	for old < len(f.waiting) && !now.Before(f.waiting[old].at.Add(f.ttl)) {
		old++
	}
	f.waiting = f.waiting[old:]
	if m := f.current; m != nil {
		if m.locked && !now.Before(m.until) {
			m.locked = false
		}
		if !m.locked && !now.Before(m.expires) {
			f.current = nil
		}
	}
}

// ready returns a receiver that takes a message now.
func (f *feedbackQueue) ready() *amqpserver.Link {
	for _, l := range f.receivers {
		if l.Available() > 0 {
			return l
		}
	}
	return nil
}

// due reports whether the waiting records make a message.
func (f *feedbackQueue) due(now time.Time) bool {
	return len(f.waiting) >= feedbackBatch ||
		len(f.waiting) > 0 && !now.Before(f.waiting[0].at.Add(f.every))
}

// next makes a message of the oldest records.
func (f *feedbackQueue) next(now time.Time) *feedbackMessage {
	n := min(len(f.waiting), feedbackBatch)
	body, err := json.Marshal(f.waiting[:n])
	if err != nil {
		body = []byte("[]")
	}
	m := &wire.Message{
		Annotations: wire.Map{annotationTime: f.clock()},
		Properties: &wire.Properties{
			MessageID:   newLockToken().String(),
			UserID:      []byte(f.hubName),
			To:          feedbackAddress,
			ContentType: feedbackType,
		},
		Data: [][]byte{body},
	}
	payload, err := m.Marshal()
	expires := f.waiting[0].at.Add(f.ttl)
	f.waiting = f.waiting[n:]
	if err != nil {
		return nil
	}
	return &feedbackMessage{payload: payload, until: now, expires: expires}
}

// send delivers m and locks it.
func (f *feedbackQueue) send(l *amqpserver.Link, m *feedbackMessage, now time.Time) bool {
	token := newLockToken()
	err := l.Send(m.payload, amqpserver.SendOptions{
		Tag:       token[:],
		OnOutcome: func(o wire.Outcome) wire.Outcome { return f.settle(m, token, o) },
	})
	if err == nil {
		m.lock, m.locked, m.until = token, true, now.Add(f.lockFor)
	}
	return err == nil
}

// settle applies a receiver's outcome and returns the hub's answer, as for a
// device. Without an outcome the message stays locked.
func (f *feedbackQueue) settle(m *feedbackMessage, token lockToken, o wire.Outcome) wire.Outcome {
	if o == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.closed || f.current != m || !m.locked || m.lock != token || !now.Before(m.until) {
		return wire.Rejected{Error: faultLockLost()}
	}
	switch o.(type) {
	case wire.Accepted, wire.Rejected:
		f.current = nil
	default:
		if m.tries++; m.tries >= maxFeedbackTry {
			f.current = nil
		} else {
			m.locked, m.until = false, now.Add(f.redeliver)
		}
	}
	f.deliver()
	return wire.Accepted{}
}

// arm sets the timer to the next moment something may change by itself.
func (f *feedbackQueue) arm(now time.Time) {
	var next time.Time
	soonest := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if len(f.waiting) > 0 {
		soonest(f.waiting[0].at.Add(f.every))
		soonest(f.waiting[0].at.Add(f.ttl))
	}
	if f.current != nil {
		soonest(f.current.until)
		soonest(f.current.expires)
	}
	switch {
	case next.IsZero():
		if f.timer != nil {
			f.timer.Stop()
		}
	case f.timer == nil:
		f.timer = time.AfterFunc(next.Sub(now), f.step)
	default:
		f.timer.Reset(next.Sub(now))
	}
}

func (f *feedbackQueue) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.waiting, f.current = true, nil, nil
	if f.timer != nil {
		f.timer.Stop()
	}
}
