package hub

import (
	"log/slog"
	"sort"
	"sync"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// partition is an ordered part of the log, in segments. Those in memory add up
// to at most limit bytes; the older ones are spilled, or dropped where nothing is
// spilled. The newest segment always stays.
type partition struct {
	id    int
	limit int64
	log   *slog.Logger
	now   func() time.Time

	mu       sync.Mutex
	segments []*segment
	onDisk   int // of segments, the oldest
	bytes    int64
	spill    spiller
	failing  bool  // the last try to spill was in vain
	next     place // of the next event; enqueued is that of the newest
	readers  map[*eventReader]struct{}
}

// append stamps and logs the messages of one transfer, in order and together,
// and hands them to the readers.
func (p *partition) append(messages []*wire.Message) error {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.next.enqueued) {
		now = p.next.enqueued // the clock was set back: readers seek by this time
	}
	batch := make([]logged, len(messages))
	next := p.next
	next.enqueued = now
	for i, m := range messages {
		e := &batch[i]
		e.place = next
		stampLogged(m, e)
		var err error
		if e.payload, err = m.Marshal(); err != nil {
			return err
		}
		next.sequence++
		next.offset += int64(len(e.payload))
	}
	for i := range batch {
		p.add(&batch[i])
	}
	p.next = next
	p.trim()
	for r := range p.readers {
		p.pump(r)
	}
	return nil
}

// stampLogged says in a message where it stands.
func stampLogged(m *wire.Message, e *logged) {
	m.Annotations[annotationSequence] = e.sequence
	m.Annotations[annotationOffset] = offsetText(e.offset)
	m.Annotations[annotationEnqueued] = e.enqueued
	if _, telemetry := m.Annotations[annotationDeviceID]; telemetry {
		m.Annotations[annotationTime] = e.enqueued
	}
}

// segmentSize keeps what is spilled or dropped at once well below the limit.
func (p *partition) segmentSize() int { return int(min(maxSegment, p.limit/8)) }

func (p *partition) add(e *logged) {
	full := len(p.segments) == p.onDisk
	if !full {
		full = len(p.newest().data)+e.size() > p.segmentSize()
	}
	if full {
		p.segments = append(p.segments, &segment{})
	}
	p.newest().add(e, p.segmentSize())
	p.bytes += int64(e.size())
}

func (p *partition) newest() *segment { return p.segments[len(p.segments)-1] }

// trim makes room: the oldest segments in memory are spilled, and the oldest of
// all dropped. A disk that takes no more is a smaller SpillBytes.
func (p *partition) trim() {
	for p.bytes > p.limit && len(p.segments) > p.onDisk+1 {
		if !p.spillOldest() {
			p.drop()
		}
	}
	for p.spill.used > p.spill.limit && p.onDisk > 0 {
		p.drop()
	}
}

// spillOldest writes the oldest segment in memory, if it can be.
func (p *partition) spillOldest() bool {
	if p.spill.dir == "" {
		return false
	}
	s := p.segments[p.onDisk]
	at, err := p.spill.put(s.data)
	if err != nil && !p.failing {
		p.log.Warn("events are dropped that were to be spilled", "partition", p.id, "error", err)
	}
	p.failing = err != nil
	if p.failing {
		return false
	}
	p.bytes -= int64(len(s.data))
	s.spill, s.data = at, nil
	p.onDisk++
	return true
}

// drop forgets the oldest segment.
func (p *partition) drop() {
	s := p.segments[0]
	p.segments[0] = nil
	p.segments = p.segments[1:]
	if s.data != nil {
		p.bytes -= int64(len(s.data))
		return
	}
	p.onDisk--
	if err := p.spill.drop(s.spill); err != nil {
		p.log.Warn("a file of the log stays behind", "partition", p.id, "error", err)
	}
}

// close gives up the files.
func (p *partition) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.onDisk > 0 {
		p.drop()
	}
}

// first is the sequence number of the oldest event that is still there.
func (p *partition) first() int64 {
	if len(p.segments) == 0 {
		return p.next.sequence
	}
	return p.segments[0].first
}

// seek returns a cursor at the first event that starts reports true of, which is
// so of all behind it; left is false when there is none.
func (p *partition) seek(starts func(place) bool) (cursor, error) {
	i := sort.Search(len(p.segments), func(i int) bool { return starts(p.segments[i].last) })
	if i == len(p.segments) {
		return cursor{}, nil
	}
	c := newCursor(p.segments[i])
	for c.left() {
		e, err := c.event()
		if err != nil {
			return cursor{}, err
		}
		if starts(e.place) {
			break
		}
		c.step(e)
	}
	return c, nil
}

// partitionState is what the management node tells of a partition.
type partitionState struct {
	begin int64
	last  place
	empty bool
}

func (p *partition) state() partitionState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return partitionState{begin: p.first(), last: p.last(), empty: len(p.segments) == 0}
}

// last is the place of the newest event; sequence and offset are -1 when none
// was ever logged. The newest segment is never dropped.
func (p *partition) last() place {
	if len(p.segments) == 0 {
		return place{sequence: -1, offset: -1}
	}
	return p.newest().last
}
