package amqpserver

// numbers gives out the lowest numbers it can: channels and handles.
type numbers struct {
	next uint32
	free []uint32
}

func (n *numbers) take() uint32 {
	if last := len(n.free) - 1; last >= 0 {
		number := n.free[last]
		n.free = n.free[:last]
		return number
	}
	n.next++
	return n.next - 1
}

func (n *numbers) put(number uint32) {
	n.free = append(n.free, number)
}
