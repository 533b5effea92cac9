package hub

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// maxFaults bounds the faults that are not over, each of which sees every message,
// and those that are remembered when they are.
const maxFaults = 256

// faultSet is what is wrong with the hub at present. A hub without faults looks
// at four nil pointers and no more.
type faultSet struct {
	hub *Hub

	mu    sync.Mutex
	last  int // identifier given
	all   []*activeFault
	peers map[*peer]struct{}

	// Those that are not over, by what they wait for; nil for none.
	accepts  atomic.Pointer[[]*activeFault]
	attaches atomic.Pointer[[]*activeFault]
	messages atomic.Pointer[[]*activeFault]
	targets  atomic.Pointer[[]*activeFault]

	skew atomic.Int64 // of the hub's clock, nanoseconds
}

func newFaultSet(h *Hub) *faultSet { return &faultSet{hub: h, peers: make(map[*peer]struct{})} }

// FaultStatus is a fault of a hub and what it has done.
type FaultStatus struct {
	ID     int
	Fault  Fault
	Struck int  // how often
	Over   bool // it strikes no more
}

// Inject makes the hub misbehave and returns an identifier for Heal, from 1. What
// a fault does at once is done when Inject returns. With 256 faults that are not
// over there is no room for another: Inject does nothing and returns 0.
func (h *Hub) Inject(f Fault) int {
	s := h.faults
	s.mu.Lock()
	active := 0
	for _, a := range s.all {
		if !a.isOver() {
			active++
		}
	}
	if active >= maxFaults {
		s.mu.Unlock()
		h.log.Warn("fault not injected: there are too many", "fault", f, "most", maxFaults)
		return 0
	}
	s.last++
	a := newActiveFault(f, s.last, s)
	s.all = append(s.all, a)
	if i := slices.IndexFunc(s.all, (*activeFault).isOver); len(s.all) > maxFaults && i >= 0 {
		s.all = slices.Delete(s.all, i, i+1)
	}
	s.publish()
	s.mu.Unlock()
	h.log.Info("fault injected", "fault", f, "id", a.id)
	a.start()
	return a.id
}

// Heal ends a fault and what it does to those it struck, as far as that can be
// undone. It reports whether there was such a fault.
func (h *Hub) Heal(id int) bool {
	s := h.faults
	s.mu.Lock()
	i := slices.IndexFunc(s.all, func(a *activeFault) bool { return a.id == id })
	if i < 0 {
		s.mu.Unlock()
		return false
	}
	a := s.all[i]
	s.all = slices.Delete(s.all, i, i+1)
	s.publish()
	s.mu.Unlock()
	a.finish()
	h.log.Info("fault healed", "fault", a.Fault, "id", id)
	return true
}

// Faults returns the faults that were injected and not healed, oldest first. Of
// those that are over, only the newest 256 or so are remembered.
func (h *Hub) Faults() []FaultStatus {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	list := make([]FaultStatus, 0, len(h.faults.all))
	for _, a := range h.faults.all {
		list = append(list, a.state())
	}
	return list
}

// AwaitFault waits until a fault has struck n times. It fails when ctx ends, and
// when the fault is healed or over before.
func (h *Hub) AwaitFault(ctx context.Context, id, n int) error {
	s := h.faults
	s.mu.Lock()
	i := slices.IndexFunc(s.all, func(a *activeFault) bool { return a.id == id })
	if i < 0 {
		s.mu.Unlock()
		return fmt.Errorf("fault %d: there is none", id)
	}
	a := s.all[i]
	s.mu.Unlock()
	for {
		status, changed := a.watch()
		switch {
		case status.Struck >= n:
			return nil
		case status.Over:
			return fmt.Errorf("fault %d: over after %d strikes: %s", id, status.Struck, a.Fault)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("fault %d: %d strikes: %w", id, status.Struck, ctx.Err())
		}
	}
}

// publish makes the lists anew; the caller holds mu.
func (s *faultSet) publish() {
	var accepts, attaches, messages, targets []*activeFault
	for _, a := range s.all {
		if a.kind == nil || a.isOver() {
			continue
		}
		if a.kind.accept != nil && (a.kind.begin == nil || a.fresh) {
			accepts = append(accepts, a)
		}
		if a.kind.attach != nil {
			attaches = append(attaches, a)
		}
		if a.kind.message != nil || a.byMessage() {
			messages = append(messages, a)
		}
		if a.kind.begin != nil {
			targets = append(targets, a)
		}
	}
	store := func(p *atomic.Pointer[[]*activeFault], list []*activeFault) {
		if list == nil {
			p.Store(nil)
			return
		}
		p.Store(&list)
	}
	store(&s.accepts, accepts)
	store(&s.attaches, attaches)
	store(&s.messages, messages)
	store(&s.targets, targets)
}

func (s *faultSet) republish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish()
}

// now is the time by the hub's clock.
func (s *faultSet) now() time.Time { return time.Now().Add(s.clockSkew()) }

// clockSkew is what the hub's clock is fast by.
func (s *faultSet) clockSkew() time.Duration { return time.Duration(s.skew.Load()) }

// enter and leave tell of connections.
func (s *faultSet) enter(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers[p] = struct{}{}
}

func (s *faultSet) leave(p *peer) {
	s.mu.Lock()
	delete(s.peers, p)
	s.mu.Unlock()
	s.forget(faultTarget{p: p})
}

// everyone returns the connections in the order in which they were made.
func (s *faultSet) everyone() []*peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*peer, 0, len(s.peers))
	for p := range s.peers {
		list = append(list, p)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].number() < list[j].number() })
	return list
}

// close ends all faults with the hub.
func (s *faultSet) close() {
	s.mu.Lock()
	all := s.all
	s.all = nil
	s.publish()
	s.mu.Unlock()
	for _, a := range all {
		a.finish()
	}
}
