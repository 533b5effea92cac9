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
