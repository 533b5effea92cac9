package hub

import (
	"time"

	"fieldpost/internal/amqpserver"
)

// handler answers the engine for all connections.
type handler struct{ hub *Hub }

func (h handler) Authenticate(c *amqpserver.Conn, mechanism string, response []byte) error {
	return h.peer(c).authenticate(mechanism, response)
}

func (h handler) Opened(c *amqpserver.Conn) error {
	p := h.peer(c)
	h.hub.log.Debug("connection opened", "peer", c.RemoteAddr(), "container", short(p.container()), "connection", p.number())
	h.hub.faults.greet(p, nil)
	return nil
}

// silentPeer is what counts for the idle-time-out of a peer that announces none.
const silentPeer = 2 * time.Minute

// heartbeat is the longest silence of the cloud's gateway: seven eighths of the
// peer's idle-time-out.
func heartbeat(peerIdle time.Duration) time.Duration {
	if peerIdle == 0 {
		peerIdle = silentPeer
	}
	return peerIdle / 8 * 7
}

func (h handler) Attach(l *amqpserver.Link) error { return h.peer(l.Conn()).attach(l) }

func (h handler) Closed(c *amqpserver.Conn) {
	p := h.peer(c)
	p.close()
	h.hub.faults.leave(p)
	h.hub.log.Debug("connection closed", "peer", c.RemoteAddr())
}

func (h handler) peer(c *amqpserver.Conn) *peer {
	p, ok := c.Value.(*peer)
	if !ok {
		p = &peer{
			hub: h.hub, conn: c,
			links: make(map[*amqpserver.Link]*openLink),
			held:  make(map[*amqpserver.Link]heldLink),
		}
		c.Value = p
		h.hub.faults.enter(p)
	}
	return p
}
