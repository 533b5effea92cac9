package diag

import "slices"

// Order is the way of the data, from the board to the hub.
func Order() []string {
	return []string{"board", "buses", "sensors", "store", "network", "identity", "hub"}
}

// Chain puts the parts in order and makes what does not work behind the first
// broken one wait for it, so that a person mends one thing at a time. A part
// that works stays ok, one that is off stays off; the reason and the hint of a
// part that waits are kept. Of a part told twice the first counts; one that was
// not told of is waiting, because nobody vouches for it; one that has no place in
// the order is left out.
func Chain(parts []Part) []Part {
	chain := make([]Part, 0, len(Order()))
	broken := ""
	for _, name := range Order() {
		p := Part{Part: name, State: Waiting, Reason: "not reported"}
		if i := slices.IndexFunc(parts, func(p Part) bool { return p.Part == name }); i >= 0 {
			p = parts[i]
		}
		switch {
		case p.State == Off, p.State == OK:
		case broken != "":
			p.State, p.WaitingFor = Waiting, broken
		case p.State == Broken:
			broken = name
		}
		chain = append(chain, p)
	}
	return chain
}

// Judge makes the chain of parts and derives OK and Broken from it.
func (s *Status) Judge(parts []Part) {
	s.Chain = Chain(parts)
	s.OK, s.Broken = true, ""
	for _, p := range s.Chain {
		if p.State == Broken && s.Broken == "" {
			s.Broken = p.Part
		}
		if p.State != OK && p.State != Off {
			s.OK = false
		}
	}
}
