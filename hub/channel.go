package hub

import (
	"slices"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// Attach properties that links of twins and methods cannot do without.
const (
	propertyAPIVersion wire.Symbol = "com.microsoft:api-version"
	propertyChannelID  wire.Symbol = "com.microsoft:channel-correlation-id"
)

// channel is the pair of links a device has for its twin, or for its methods. An
// identifier that both bring along joins them.
type channel struct {
	id       string
	sender   *amqpserver.Link // the device sends; nil while there is none
	receiver *amqpserver.Link // the device receives; nil while there is none
}

// channelID returns the identifier that an attach brings along. A link without
// one, or without a version of the protocol, has come to no address at all.
func channelID(l *amqpserver.Link, address string) (string, *wire.Error) {
	properties := l.PeerAttach().Properties
	version, _ := properties[propertyAPIVersion].(string)
	id, _ := properties[propertyChannelID].(string)
	if version == "" || id == "" {
		return "", faultAddress(address)
	}
	return id, nil
}

// join takes l in and returns the links that have to make way: the one in its
// place, and with another identifier both.
func (c *channel) join(l *amqpserver.Link, id string) (older []*amqpserver.Link) {
	if c.id != id {
		older = append(older, c.sender, c.receiver)
		*c = channel{id: id}
	}
	if l.PeerSends() {
		older = append(older, c.sender)
		c.sender = l
	} else {
		older = append(older, c.receiver)
		c.receiver = l
	}
	return slices.DeleteFunc(older, func(l *amqpserver.Link) bool { return l == nil })
}

// leave forgets l.
func (c *channel) leave(l *amqpserver.Link) {
	if c.sender == l {
		c.sender = nil
	}
	if c.receiver == l {
		c.receiver = nil
	}
}
