package hub

import (
	"slices"
	"strings"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// Attach properties and the capability of those who read events.
const (
	propertyEpoch        wire.Symbol = "com.microsoft:epoch"
	propertyReceiverName wire.Symbol = "com.microsoft:receiver-name"
	capabilityMetric     wire.Symbol = "com.microsoft:enable-receiver-runtime-metric"
)

const (
	maxShared = 5  // readers without an epoch, per partition and consumer group
	noEpoch   = -1 // the partition is shared
)

// nobody stands for a reader without a name in the texts of the cloud.
const nobody = "nil"

// newReader reads who wants to read, and how, out of an attach.
func newReader(l *amqpserver.Link, group string) (*eventReader, *wire.Error) {
	attach := l.PeerAttach()
	r := &eventReader{link: l, group: strings.ToLower(group), name: nobody, epoch: noEpoch}
	if name, ok := attach.Properties[propertyReceiverName].(string); ok && name != "" {
		r.name = short(name)
	}
	if value, ok := attach.Properties[propertyEpoch]; ok {
		if r.epoch, ok = integer(value); !ok || r.epoch < 0 {
			return nil, faultEntity(condArgumentOutOfRange, "The epoch of a receiver must be a number of 0 or above.")
		}
	}
	r.metrics = slices.Contains(attach.DesiredCapabilities, capabilityMetric)
	return r, nil
}

// admit adds a reader to those of its group, or says why it may not read. A
// reader with an epoch drives out all whose epoch is not above its own, those
// without one too.
func (p *partition) admit(r *eventReader) *wire.Error {
	var group []*eventReader
	var names []string
	owner := r
	for other := range p.readers {
		if other.group != r.group {
			continue
		}
		group, names = append(group, other), append(names, other.name)
		if other.epoch > r.epoch {
			owner = other
		}
	}
	switch {
	case owner != r && r.epoch == noEpoch:
		return faultOwned(owner)
	case owner != r:
		return faultHigherEpoch(owner, r)
	case r.epoch == noEpoch && len(group) >= maxShared:
		slices.Sort(names)
		return faultShared(names)
	case r.epoch != noEpoch:
		for _, other := range group {
			delete(p.readers, other)
			other.link.Detach(faultOusted(r, other))
		}
	}
	p.readers[r] = struct{}{}
	return nil
}
