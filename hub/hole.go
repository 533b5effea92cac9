package hub

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxKept bounds what a black hole keeps of what the hub writes, in bytes: as
// much as the send buffer of a socket.
const maxKept = 64 << 10

// hole is a network that swallows every packet and says nothing. As with TCP,
// what was swallowed comes when the network is back, if both ends still wait
// for it.
type hole struct {
	mu      sync.Mutex
	depth   int // faults that want it
	kept    []byte
	closed  bool // by the hub: its FIN is swallowed as well
	over    bool
	changed chan struct{} // closed and replaced
}

// fall puts the connection into a black hole, once for each call.
func (s *socket) fall() {
	s.falls.Lock()
	defer s.falls.Unlock()
	h := s.hole.Load()
	if h == nil {
		s.hole.Store(&hole{depth: 1, changed: make(chan struct{})})
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.depth++
}

// rise undoes one fall. With the last one what was kept goes out, and a close.
func (s *socket) rise() {
	s.falls.Lock()
	defer s.falls.Unlock()
	h := s.hole.Load()
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.depth--; h.depth > 0 {
		return
	}
	if len(h.kept) > 0 {
		// The kernel has room for that much, unless the peer was too slow before.
		_ = s.Conn.SetWriteDeadline(time.Now().Add(time.Second))
		// If not, or if the peer is gone, the next write finds out.
		_, _ = s.Conn.Write(h.kept)
		var end time.Time
		if until := s.writeUntil.Load(); until != 0 {
			end = time.Unix(0, until)
		}
		_ = s.Conn.SetWriteDeadline(end)
	}
	h.leave(s)
	if h.closed {
		_ = s.Conn.Close()
	}
}

// end ends the hole with all that is in it.
func (h *hole) end(s *socket) {
	s.falls.Lock()
	defer s.falls.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.closed = true
		h.leave(s)
	}
}

// leave lets those go on who wait; the caller holds both locks.
func (h *hole) leave(s *socket) {
	h.over, h.kept = true, nil
	s.hole.Store(nil)
	h.change()
}

func (h *hole) change() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// moved tells those who wait of another deadline.
func (h *hole) moved() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.change()
}

// close ends the connection for the hub alone. It reports whether the hole still
// hides that.
func (h *hole) close() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return false
	}
	h.closed = true
	h.change()
	return true
}

// keep takes what the hub writes, as long as there is room.
func (h *hole) keep(b []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over || h.closed || len(h.kept)+len(b) > maxKept {
		return false
	}
	h.kept = append(h.kept, b...)
	return true
}

// wait returns when the network is back, with an error when the deadline passes
// or the hub has closed the connection.
func (h *hole) wait(until *atomic.Int64) error {
	for {
		h.mu.Lock()
		over, closed, changed := h.over, h.closed, h.changed
		h.mu.Unlock()
		if closed {
			return net.ErrClosed
		}
		if over {
			return nil
		}
		var passed <-chan time.Time
		if end := until.Load(); end != 0 {
			left := time.Until(time.Unix(0, end))
			if left <= 0 {
				return os.ErrDeadlineExceeded
			}
			timer := time.NewTimer(left)
			defer timer.Stop()
			passed = timer.C
		}
		select {
		case <-changed:
		case <-passed:
		}
	}
}
