package hub

import (
	"hash/fnv"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// eventLog holds the telemetry, by partition.
type eventLog struct {
	created    time.Time
	partitions []*partition
}

func newEventLog(partitions int, limit int64) *eventLog {
	l := &eventLog{created: time.Now()}
	for i := range partitions {
		l.partitions = append(l.partitions, &partition{
			id:      i,
			limit:   limit / int64(partitions),
			readers: make(map[*eventReader]struct{}),
		})
	}
	return l
}

// of returns the partition of a device: always the same for the same number of
// partitions.
func (l *eventLog) of(deviceID string) *partition {
	h := fnv.New32a()
	h.Write([]byte(deviceID))
	return l.partitions[h.Sum32()%uint32(len(l.partitions))]
}

// Events returns the events the log still holds, partition by partition in
// order of logging.
func (h *Hub) Events() []Event {
	var all []Event
	for _, p := range h.events.partitions {
		p.mu.Lock()
		held := append([]*logged(nil), p.events...)
		p.mu.Unlock()
		for _, e := range held {
			m, err := wire.ParseMessage(e.payload)
			if err != nil {
				continue
			}
			ev := newEvent(e.deviceID, p.id, m)
			ev.SequenceNumber, ev.Offset, ev.Enqueued = e.sequence, e.offset, e.enqueued
			all = append(all, ev)
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
		n += p.next
		p.mu.Unlock()
	}
	return n
}
