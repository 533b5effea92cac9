package amqpserver

// What follows breaks the protocol, or strains it, on purpose: for servers that
// try their peers. It leaves the state of this side in order.

// misconduct is what a connection does against the rules. It is guarded by
// Conn.mu.
type misconduct struct {
	noHeartbeats bool
	noFlows      bool
	noClose      bool
	mute         bool   // nothing more is queued
	finale       func() // called behind the last bytes
}

// Do runs f as a callback of the connection, if that has not ended.
func (c *Conn) Do(f func()) {
	c.callbacks.Lock()
	defer c.callbacks.Unlock()
	c.mu.Lock()
	open := c.phase == phaseOpen
	c.mu.Unlock()
	if open {
		f()
	}
}

// WriteRaw queues b as it is, between two frames.
func (c *Conn) WriteRaw(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeRaw(b)
}

func (c *Conn) writeRaw(b []byte) {
	if c.phase != phaseOpen || c.misconduct.mute {
		return
	}
	c.out.buf = append(c.out.buf, b...)
	c.out.kick()
}

// WriteLast queues b as it is and nothing behind it, not even an answer to a
// close. The writer calls written, if not nil, when b is on its way.
func (c *Conn) WriteLast(b []byte, written func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeRaw(b)
	if c.phase == phaseOpen && !c.misconduct.mute {
		c.misconduct.mute, c.misconduct.finale = true, written
	}
}

// callFinale calls what WriteLast was given once its bytes are written.
func (c *Conn) callFinale() {
	c.mu.Lock()
	finale := c.misconduct.finale
	if len(c.out.buf) > 0 {
		finale = nil
	}
	if finale != nil {
		c.misconduct.finale = nil
	}
	c.mu.Unlock()
	if finale != nil {
		finale()
	}
}

// HoldHeartbeats stops the heartbeats of this side, or lets them go on.
func (c *Conn) HoldHeartbeats(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.misconduct.noHeartbeats = held
	c.out.kick()
}

// HoldClose leaves the peer's closes, ends and detaches without an answer, or answers
// those that follow. Its sessions and links end all the same.
func (c *Conn) HoldClose(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.misconduct.noClose = held
}

// HoldFlows sends no flow frame, or goes on with one for each session and link.
func (c *Conn) HoldFlows(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.misconduct.noFlows
	c.misconduct.noFlows = held
	if !was || held || c.phase != phaseOpen {
		return
	}
	for _, s := range c.sessions {
		if s.ended {
			continue
		}
		s.sendFlow(nil, false)
		for _, l := range s.links {
			if l.state == linkAttached {
				s.sendFlow(l, false)
			}
		}
	}
}
