package hub

import (
	"crypto/sha256"
	"slices"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// Attach properties that links of twins and methods cannot do without.
const (
	propertyAPIVersion wire.Symbol = "com.microsoft:api-version"
	propertyChannelID  wire.Symbol = "com.microsoft:channel-correlation-id"
)

// maxChannelEnds bounds what is remembered of the identifiers a device has used.
const maxChannelEnds = 16

// channel is the pair of links a device has for its twin, or for its methods. An
// identifier that both bring along joins them.
type channel struct {
	id       string
	sender   *amqpserver.Link // the device sends; nil while there is none
	receiver *amqpserver.Link // the device receives; nil while there is none
	used     []channelEnd     // the latest, the newest last
}

// channelEnd is one link's use of an identifier, of any length.
type channelEnd struct {
	id        [sha256.Size]byte
	peerSends bool
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
// place, and with another identifier both. An identifier is good for one pair of
// links; the one that brings it again is refused.
func (c *channel) join(l *amqpserver.Link, id string) (older []*amqpserver.Link, err *wire.Error) {
	end := channelEnd{sha256.Sum256([]byte(id)), l.PeerSends()}
	if slices.Contains(c.used, end) {
		return nil, faultChannelUsed(id)
	}
	if len(c.used) >= maxChannelEnds {
		c.used = slices.Delete(c.used, 0, 1)
	}
	c.used = append(c.used, end)
	if c.id != id {
		older = append(older, c.sender, c.receiver)
		c.id, c.sender, c.receiver = id, nil, nil
	}
	if l.PeerSends() {
		older = append(older, c.sender)
		c.sender = l
	} else {
		older = append(older, c.receiver)
		c.receiver = l
	}
	return slices.DeleteFunc(older, func(l *amqpserver.Link) bool { return l == nil }), nil
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
