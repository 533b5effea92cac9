package hub

import (
	"strconv"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// partition returns the partition of this number, or nil.
func (l *eventLog) partition(number string) *partition {
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n >= uint64(len(l.partitions)) {
		return nil
	}
	return l.partitions[n]
}

// openReader answers a reader of the telemetry log.
func (h *Hub) openReader(l *amqpserver.Link, a address) *wire.Error {
	p := h.events.partition(a.partition)
	if p == nil {
		return h.events.faultPartition()
	}
	group := a.resource[2]
	if !h.groups.has(group) {
		return faultGroup(group)
	}
	pos, err := startPosition(l.PeerAttach().Source.Filter)
	if err != nil {
		return err
	}
	r, err := newReader(l, group)
	if err != nil {
		return err
	}
	if r.metrics {
		l.OfferedCapabilities = []wire.Symbol{capabilityMetric}
	}
	return p.read(r, pos)
}
