package amqpserver

import (
	"fmt"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// queue holds encoded frames until the writer takes them. It is guarded by
// Conn.mu.
type queue struct {
	buf      []byte
	wake     chan struct{} // of capacity 1
	corked   bool          // the reader will kick before it waits
	finished bool          // nothing follows
	accepted acceptance    // the last frame of buf, if it is one
}

// acceptance is a queued disposition that accepts deliveries of the peer: the
// next one, of the delivery behind its last, can go with it.
type acceptance struct {
	start, end  int // in queue.buf; 0 and 0 for none
	channel     uint16
	first, last uint32
}

// keepQueue is the largest buffer kept for the next round.
const keepQueue = 64 << 10

func (q *queue) kick() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// write sends b to the peer, within WriteTimeout and what is left for closing.
func (c *Conn) write(b []byte) error {
	c.mu.Lock()
	end := time.Now().Add(c.opts.WriteTimeout)
	if !c.closeEnd.IsZero() && c.closeEnd.Before(end) {
		end = c.closeEnd
	}
	err := c.nc.SetWriteDeadline(end)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	_, err = c.nc.Write(b)
	return err
}

// send queues one frame, c.mu held. Behind our close nothing is sent.
func (c *Conn) send(channel uint16, body wire.Body) {
	if c.phase >= phaseClosing || c.misconduct.mute {
		return
	}
	start := len(c.out.buf)
	b, err := wire.AppendFrame(c.out.buf, wire.FrameAMQP, channel, body)
	if err == nil && uint64(len(b)-start) > uint64(c.maxFrame) {
		b, err = wire.AppendFrame(b[:start], wire.FrameAMQP, channel, shortened(body))
	}
	if err == nil && uint64(len(b)-start) > uint64(c.maxFrame) {
		err = fmt.Errorf("%d bytes where the peer takes %d", len(b)-start, c.maxFrame)
	}
	if err != nil {
		c.failLocked(fmt.Errorf("sending %T: %w", body, err))
		return
	}
	c.out.buf = b
	if len(b) > c.opts.MaxQueue {
		c.failLocked(fmt.Errorf("peer leaves more than %d bytes unread", c.opts.MaxQueue))
		return
	}
	if !c.out.corked || len(b) >= bulkQueue {
		c.out.kick()
	}
}

// accept queues the disposition that accepts a delivery of the peer, c.mu held.
// Deliveries that are accepted one after the other, before the first has been
// written, share one.
func (c *Conn) accept(channel uint16, id uint32) {
	queued := c.out.buf
	now := acceptance{start: len(queued), channel: channel, first: id, last: id}
	if before := c.out.accepted; before.end > 0 && before.end == now.start && before.channel == channel && before.last+1 == id {
		now.start, now.first = before.start, before.first
		c.out.buf = queued[:before.start]
	}
	d := &wire.Disposition{Role: wire.RoleReceiver, First: now.first, Settled: true, State: wire.Accepted{}}
	if now.last != now.first {
		d.Last = &now.last
	}
	c.send(channel, d)
	if now.end = len(c.out.buf); now.end == now.start {
		c.out.buf = queued // nothing is sent any more, but for what was queued
		return
	}
	c.out.accepted = now
}

// shortened returns body with its error cut down to what fits the smallest frame.
func shortened(body wire.Body) wire.Body {
	cut := func(e *wire.Error) *wire.Error {
		if e == nil {
			return nil
		}
		const most = 128
		return &wire.Error{
			Condition:   e.Condition[:min(most, len(e.Condition))],
			Description: string([]rune(e.Description)[:min(most/2, len([]rune(e.Description)))]),
		}
	}
	switch b := body.(type) {
	case *wire.Detach:
		return &wire.Detach{Handle: b.Handle, Closed: b.Closed, Error: cut(b.Error)}
	case *wire.End:
		return &wire.End{Error: cut(b.Error)}
	case *wire.Close:
		return &wire.Close{Error: cut(b.Error)}
	case *wire.Disposition:
		if rejected, ok := b.State.(wire.Rejected); ok {
			short := *b
			short.State = wire.Rejected{Error: cut(rejected.Error)}
			return &short
		}
	}
	return body
}

// writeLoop writes what is queued, and an empty frame when nothing was for too
// long, until finishWriting or a failure.
func (c *Conn) writeLoop() {
	var spare []byte
	idle := time.Now() // since the last write
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		b, heartbeat, finished := c.takeQueue(spare)
		spare = nil
		if len(b) > 0 {
			if err := c.write(b); err != nil {
				c.mu.Lock()
				c.failLocked(fmt.Errorf("writing to the peer: %w", err))
				c.mu.Unlock()
				return
			}
			c.callFinale()
			idle = time.Now()
			if cap(b) <= keepQueue {
				spare = b[:0]
			}
			continue
		}
		if finished {
			return
		}
		c.callRefilled()
		c.waitQueue(timer, idle, heartbeat)
	}
}

// takeQueue takes what is queued and leaves spare in its place. It first lets
// the sessions fill the room they were waiting for.
func (c *Conn) takeQueue(spare []byte) (b []byte, heartbeat time.Duration, finished bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b = c.out.buf
	c.out.buf, c.out.accepted = spare, acceptance{}
	if c.phase == phaseDead {
		return nil, 0, true
	}
	if c.sessionsBlock {
		c.sessionsBlock = false
		for _, s := range c.sessions {
			s.pump()
		}
	}
	if c.phase == phaseOpen && !c.misconduct.noHeartbeats && !c.misconduct.mute {
		heartbeat = c.heartbeat
	}
	return b, heartbeat, c.out.finished && len(c.out.buf) == 0
}

// waitQueue waits for a frame or queues a heartbeat when one is due.
func (c *Conn) waitQueue(timer *time.Timer, idle time.Time, heartbeat time.Duration) {
	if heartbeat == 0 {
		<-c.out.wake
		return
	}
	timer.Reset(time.Until(idle.Add(heartbeat)))
	select {
	case <-c.out.wake:
	case <-timer.C:
		c.mu.Lock()
		if len(c.out.buf) == 0 {
			c.send(0, nil)
		}
		c.mu.Unlock()
	}
}

// callRefilled calls OnCredit of the links that refused a Send for a limit that
// has gone.
func (c *Conn) callRefilled() {
	c.mu.Lock()
	none := len(c.refilled) == 0
	c.mu.Unlock()
	if none {
		return
	}
	c.callbacks.Lock()
	defer c.callbacks.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runRefilled()
}

// runRefilled does the same with both locks held.
func (c *Conn) runRefilled() {
	for len(c.refilled) > 0 {
		l := c.refilled[0]
		c.refilled = c.refilled[1:]
		l.credited()
	}
}

// finishWriting lets the writer end after what is queued; nothing more is.
func (c *Conn) finishWriting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = max(c.phase, phaseClosing)
	c.out.finished = true
	c.out.kick()
}
