package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"fieldpost/internal/clock"
)

// adopt makes the opened file the one in use. Only ErrLocked is returned.
func (s *Store) adopt(o opened) error {
	s.io <- struct{}{}
	defer func() { <-s.io }()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	if o.err != nil {
		if errors.Is(o.err, ErrLocked) {
			return fmt.Errorf("open queue %s: %w", s.path(), o.err)
		}
		if errors.Is(o.err, context.Canceled) {
			return nil
		}
		s.troubled(fmt.Errorf("open queue %s: %w", s.path(), o.err))
		return nil
	}
	now := s.o.Clock.Now()
	p := &o.loaded.state
	s.decideLimbo(p, o.fresh == nil)
	s.disk = o.disk
	switch {
	case o.aside == nil || o.aside == errShrink:
	case errors.Is(o.aside, errGone):
		s.o.Log.Error("queue file is missing, a fresh one is in use", "file", s.path())
	default:
		s.o.Log.Error("queue file set aside, a fresh one is in use", "dir", s.o.Dir, "reason", o.aside, "salvaged_blocks", len(o.fresh.blocks))
	}
	switch {
	case !s.adopted:
		s.run = max(s.run, p.Run+1, s.ident.epoch)
		s.restore(o.loaded)
		s.stops(p, now)
		if o.aside != nil {
			s.missing(&o, now)
		}
	case o.fresh != nil:
		s.bereft(o.fresh, p)
	}
	if o.loaded.unsure && !s.adopted {
		s.jr.lostAt = now.Wall
		s.jr.removed = append(s.jr.removed, o.loaded.spoilt...) // the next start need not find them again
	}
	s.aside, s.doubt = nil, nil
	s.adopted, s.open, s.failed, s.force = true, true, false, true
	s.opening, s.retryAt = "", 0
	s.inFile = o.disk.size()
	s.report()
	s.o.Log.Info("queue open", "file", s.path(), "store", hex.EncodeToString(s.ident.store[:]), "epoch", s.ident.epoch)
	return nil
}

// decideLimbo books the commit whose end was unknown, or undoes it: the file says
// which when it can be believed.
func (s *Store) decideLimbo(p *persisted, believed bool) {
	b := s.limbo
	if b == nil {
		return
	}
	s.limbo = nil
	if believed && p != nil && p.Run == s.run && p.Store == s.ident.store && p.Epoch == s.ident.epoch && p.Txn == b.state.Txn {
		s.booked(b)
		return
	}
	s.undone(b, errors.New(s.lastError))
}

// missing books what the counters of a file that was set aside at the start told
// of and what could not be salvaged. Without counters the number is unknown.
func (s *Store) missing(o *opened, now clock.Stamp) {
	reason := LostQuarantine
	if errors.Is(o.aside, errGone) {
		reason = LostMissing
	}
	for _, c := range []Class{Alarm, Result, Telemetry} {
		l := Loss{Reason: reason, Class: c, Epoch: s.ident.epoch - 1, To: now.Wall}
		if st := o.had.state; st != nil {
			pc, q := &st.Classes[c], &s.q[c]
			l.Epoch = st.Epoch
			l.Count = pc.Count + pc.Dead - min(pc.Count, q.disk.Count) - min(pc.Dead, o.fresh.dead[c])
			q.stats.Lost += l.Count
			q.stats.Produced += l.Count
		}
		s.lose(l)
	}
}

// bereft takes up that the file is another: what is in memory and is not in it is
// written again, what was on disk only and could not be taken over is lost.
func (s *Store) bereft(r *rebuilt, p *persisted) {
	has := make(map[key]bool, len(r.blocks))
	for k, n := range r.blocks {
		m := s.mine(k)
		if b := s.blocks[m]; b == nil || b.n == n {
			has[m] = true
		}
	}
	var again, live [Classes]uint64
	for c := range s.q {
		q := &s.q[c]
		live[c] = r.counts[c].Count
		q.dirty, q.cached, q.stats.Bytes = list{}, 0, 0
	}
	for _, e := range s.entries() {
		q := &s.q[e.class]
		if e.onDisk && !has[e.blk.key] {
			again[e.class]++
			s.leaveBlock(e)
			e.onDisk = false
			s.known[e.key] = e
		}
		switch {
		case e.onDisk:
			if e.place == inMem {
				q.cached += e.size
			}
		case e.class == Debug:
			q.stats.Bytes += int64(e.size)
		case e.state < gone:
			q.stats.Bytes += int64(e.size)
			q.dirty.insert(e)
			if !e.counted {
				e.counted = true
				s.dirtyLen += e.size
			}
		}
	}
	s.takeBlocks(has)
	for c := range s.q {
		s.recount(Class(c), again[c], r, p)
	}
	s.dead.disk = p.DeadLetters
	for _, e := range s.led.entries {
		e.dirty = true
	}
	for _, it := range s.jr.order {
		it.dirty = it.pending == nil
	}
	s.led.removed, s.jr.removed = nil, nil
	s.boots.again()
}

// takeBlocks forgets the blocks that the file has not.
func (s *Store) takeBlocks(has map[key]bool) {
	s.emptied = nil
	for k, b := range s.blocks {
		switch {
		case !has[k]:
			delete(s.blocks, k)
		case b.left == 0:
			s.emptied = append(s.emptied, b)
		}
	}
}

// recount takes up what is on disk of a class now, and loses the rest.
func (s *Store) recount(c Class, again uint64, r *rebuilt, p *persisted) {
	q := &s.q[c]
	had := q.disk.Count
	q.disk = r.counts[c]
	for k, b := range s.blocks { // settled while the file was made
		if k.class == c {
			q.disk.Count -= min(uint64(b.n-b.left), q.disk.Count)
		}
	}
	for _, b := range s.bitsOf(p, c) { // counted as settled there already
		q.disk.Count += uint64(b.n - b.left)
	}
	q.stats.Bytes += q.disk.Raw
	q.cursor, q.exhausted = key{}, q.disk.Count == 0
	q.moves++
	left := q.disk.Count + again
	lost := had - min(left, had)
	if left > had {
		q.stats.Queued += left - had
		q.stats.Produced += left - had
	}
	var fresh uint64
	for _, d := range s.dead.fresh {
		if d.e.class == c {
			fresh++
		}
	}
	dead := q.stats.Dead - min(q.stats.Dead, fresh+r.dead[c])
	q.stats.Queued -= lost
	q.stats.Dead -= dead
	q.stats.Lost += lost + dead
	if lost+dead > 0 {
		s.lose(Loss{Reason: LostQuarantine, Class: c, Epoch: s.ident.epoch, Count: lost + dead})
	}
}

// bitsOf returns the blocks of a class that the file told to be settled in part,
// and that are in it.
func (s *Store) bitsOf(p *persisted, c Class) (out []*block) {
	for _, b := range parsePartials(p.partial) {
		if k := s.mine(b.key); b.class == c && s.blocks[k] != nil && s.blocks[k].n == b.n {
			out = append(out, b)
		}
	}
	return out
}
