package hub

import (
	"hash/fnv"
	"sync/atomic"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// eventLog holds the telemetry, by partition.
type eventLog struct {
	created    time.Time
	partitions []*partition
	turn       atomic.Uint32 // partitions given to events without a key
}

func newEventLog(opts Options, now func() time.Time) *eventLog {
	l := &eventLog{created: time.Now()}
	n := int64(opts.Partitions)
	for i := range opts.Partitions {
		l.partitions = append(l.partitions, &partition{
			id:      i,
			limit:   opts.LogBytes / n,
			log:     opts.Log,
			now:     now,
			spill:   spiller{dir: opts.SpillDir, limit: opts.SpillBytes / n},
			readers: make(map[*eventReader]struct{}),
		})
	}
	return l
}

func (l *eventLog) close() {
	for _, p := range l.partitions {
		p.close()
	}
}

// of returns the partition of a key, which for telemetry is the device: always
// the same for the same number of partitions.
func (l *eventLog) of(key string) *partition {
	h := fnv.New32a()
	h.Write([]byte(key))
	return l.partitions[h.Sum32()%uint32(len(l.partitions))]
}

// Events returns the events the log still holds, partition by partition in
// order of logging.
func (h *Hub) Events() []Event {
	var all []Event
	for _, p := range h.events.partitions {
		for _, e := range p.held() {
			m, err := wire.ParseMessage(e.payload)
			if err != nil {
				continue
			}
			id, _ := m.Annotations[annotationDeviceID].(string)
			ev := newEvent(id, p.id, m)
			ev.SequenceNumber, ev.Offset, ev.Enqueued = e.sequence, e.offset, e.enqueued
			all = append(all, ev)
		}
	}
	return all
}

// held returns all events of the partition.
func (p *partition) held() []logged {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []logged
	for _, s := range p.segments {
		for c := newCursor(s); c.left(); {
			e, err := c.event()
			if err != nil {
				p.log.Warn("events cannot be read", "partition", p.id, "error", err)
				break
			}
			all = append(all, e)
			c.step(e)
		}
	}
	return all
}

// EventCount returns how many events were logged since the start, those the log
// has dropped included.
func (h *Hub) EventCount() int64 {
	var n int64
	for _, p := range h.events.partitions {
		p.mu.Lock()
		n += p.next.sequence
		p.mu.Unlock()
	}
	return n
}
