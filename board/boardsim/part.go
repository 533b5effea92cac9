package boardsim

import (
	"sync"

	"fieldpost/board"
)

// Fault is what is wrong with a part.
type Fault byte

const (
	NoFault     Fault = iota
	Absent            // does not acknowledge its address
	StuckBusy         // its measurement never ends
	Corrupt           // every byte reads 0xFF, as on a line nobody drives
	Hang              // holds the bus: a transfer does not return until the fault is cleared
	BadChecksum       // the last byte of what is read arrives wrong
)

// breakable is what the models of parts share: the lock, and the faults that are
// the same for all of them.
type breakable struct {
	mu     sync.Mutex
	fault  Fault
	healed chan struct{} // closed when fault changes
}

// SetFault breaks the part, or heals it with NoFault.
func (p *breakable) SetFault(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	if p.healed != nil {
		close(p.healed)
	}
	p.healed = make(chan struct{})
}

// transfer locks the part and lets do answer, unless a fault does.
func (p *breakable) transfer(r []byte, do func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.fault == Hang {
		healed := p.healed
		p.mu.Unlock()
		<-healed
		p.mu.Lock()
	}
	if p.fault == Absent {
		return board.ErrNoAck
	}
	if err := do(); err != nil {
		return err
	}
	switch {
	case p.fault == Corrupt:
		for i := range r {
			r[i] = 0xFF
		}
	case p.fault == BadChecksum && len(r) > 0:
		r[len(r)-1] ^= 0x5A
	}
	return nil
}
