package hub

import (
	"sync"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// logged is one event with everything stamped.
type logged struct {
	sequence int64
	offset   int64
	enqueued time.Time
	deviceID string
	payload  []byte // the encoded message, as readers get it
}

// loggedOverhead is what an event costs beside its payload, in bytes.
const loggedOverhead = 128

func (e *logged) size() int64 { return int64(len(e.payload)) + loggedOverhead }

// partition is an ordered part of the log. It drops its oldest events once their
// sizes add up to more than limit; the newest event always stays.
type partition struct {
	id    int
	limit int64

	mu      sync.Mutex
	events  []*logged
	next    int64 // sequence number of the next event
	offset  int64
	bytes   int64
	last    logged // the newest event without its payload, kept when trimmed
	readers map[*eventReader]struct{}
}

// append stamps and logs the messages of one transfer, in order and together,
// and hands them to the readers.
func (p *partition) append(deviceID string, messages []*wire.Message) error {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	batch := make([]*logged, 0, len(messages))
	next, offset := p.next, p.offset
	for _, m := range messages {
		e := &logged{sequence: next, offset: offset, enqueued: now, deviceID: deviceID}
		stampLogged(m, e)
		var err error
		if e.payload, err = m.Marshal(); err != nil {
			return err
		}
		next, offset = next+1, offset+int64(len(e.payload))
		batch = append(batch, e)
	}
	p.next, p.offset = next, offset
	for _, e := range batch {
		p.bytes += e.size()
		p.last = logged{sequence: e.sequence, offset: e.offset, enqueued: e.enqueued}
	}
	p.events = append(p.events, batch...)
	p.trim()
	for r := range p.readers {
		p.pump(r)
	}
	return nil
}

func stampLogged(m *wire.Message, e *logged) {
	m.Annotations[annotationSequence] = e.sequence
	m.Annotations[annotationOffset] = offsetText(e.offset)
	m.Annotations[annotationEnqueued] = e.enqueued
	m.Annotations[annotationTime] = e.enqueued
}

func (p *partition) trim() {
	drop := 0
	for drop < len(p.events)-1 && p.bytes > p.limit {
		p.bytes -= p.events[drop].size()
		p.events[drop] = nil
		drop++
	}
	p.events = p.events[drop:]
}

// partitionState is what the management node tells of a partition.
type partitionState struct {
	begin int64
	last  logged
	empty bool
}

func (p *partition) state() partitionState {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := partitionState{begin: p.next - int64(len(p.events)), last: p.last, empty: len(p.events) == 0}
	if p.next == 0 {
		s.last = logged{sequence: -1, offset: -1}
	}
	return s
}
