package hub

// HoldQueue stops whoever opens a link on the queue of a device, until release.
func (h *Hub) HoldQueue(id string) (release func()) {
	q := h.registry.lookup(id).queue
	q.mu.Lock()
	return q.mu.Unlock
}

// Owner returns the remote address of the connection that has a device, or "".
func (h *Hub) Owner(id string) string {
	d := h.registry.lookup(id)
	h.registry.mu.Lock()
	defer h.registry.mu.Unlock()
	if d.owner == nil {
		return ""
	}
	return d.owner.conn.RemoteAddr().String()
}

// Held returns how many events the log holds, and how many bytes of it are on
// disk.
func (h *Hub) Held() (events, onDisk int64) {
	for _, p := range h.events.partitions {
		p.mu.Lock()
		events += p.next.sequence - p.first()
		onDisk += p.spill.used
		p.mu.Unlock()
	}
	return events, onDisk
}
