package store

import "fieldpost/internal/clock"

// snapshot is the state as a commit leaves it that puts and deletes what b says.
func (s *Store) snapshot(b *batch) persisted {
	every, _ := s.commitEvery()
	now := s.o.Clock.Now()
	s.boots.learn(now)
	p := persisted{
		Boot: now.Boot, Powered: now.BootTime,
		Store: s.ident.store, Epoch: s.ident.epoch, Run: s.run, Txn: s.txn + 1,
		CommitEvery: every, At: now.Wall, Clean: b.final,
		DeadLetters: s.dead.disk, Ledger: s.led.next, Journal: s.jr.next, JournalLost: s.jr.lostAt,
		Reasons: make(map[string]uint64, len(s.byReason)),
		Spent:   &spent{s.wear.today(s.now()), int64(s.wear.allowance)},
	}
	for r, n := range s.byReason {
		p.Reasons[r] = n
	}
	for c := range s.q {
		q := &s.q[c]
		p.Classes[c] = persistedClass{onDisk: q.disk, Delivered: q.stats.Delivered, Dead: q.stats.Dead, Lost: q.stats.Lost}
	}
	for _, e := range b.puts {
		p.Classes[e.class].more(1, e.size)
	}
	if k := s.led.outstanding; k != nil {
		o := *k
		if o.run == thisRun {
			o.run = s.run
		}
		p.Outstanding = &o
	}
	return p
}

// restore takes up the counters of the file. What was queued, delivered or lost
// before it was open is added to them.
func (s *Store) restore(l *loaded) {
	p := &l.state
	for c := range s.q {
		q, pc := &s.q[c], &p.Classes[c]
		q.disk = pc.onDisk
		q.exhausted = pc.Count == 0
		q.oldest = l.oldest[c]
		q.stats.Produced += pc.Delivered + pc.Count + pc.Dead + pc.Lost
		q.stats.Delivered += pc.Delivered
		q.stats.Queued += pc.Count
		q.stats.Dead += pc.Dead
		q.stats.Lost += pc.Lost
		q.stats.Bytes += pc.Raw
	}
	for r, n := range p.Reasons {
		s.byReason[r] += n
	}
	s.txn = max(s.txn, p.Txn+1) // what was written after it and never committed has that number
	for _, k := range p.Thinned {
		if int(k.class) < len(s.thinned) {
			s.thinned[k.class] = k
		}
	}
	clk := s.o.Clock.Now()
	powered := clk.BootTime // at least, when this is another boot
	if clk.Boot == p.Boot {
		powered = max(clk.BootTime-p.Powered, 0)
	}
	s.wear.restore(p.Spent, powered, s.o.DailyWrites)
	s.dead.disk = p.DeadLetters
	for _, blk := range l.partial {
		if s.blocks[blk.key] == nil {
			s.blocks[blk.key] = blk
		}
	}
	s.boots.restore(l.boots, p.Boot, p.Powered)
	early := s.led.entries
	s.led.entries, s.led.next = l.ledger, max(p.Ledger, s.led.next)
	for _, e := range early {
		s.led.next++
		e.ID, e.dirty = s.led.next, true
		s.led.entries = append(s.led.entries, e)
	}
	if k := p.Outstanding; k != nil && s.led.outstanding == nil {
		s.led.outstanding = k
	}
	s.jr.next, s.jr.lostAt = p.Journal, p.JournalLost
	s.jr.load(l.journal)
}

// stops books what the file tells of earlier stops, with stamps as now believed.
func (s *Store) stops(p *persisted, now clock.Stamp) {
	if p.Run == 0 {
		return // a fresh file
	}
	s.boots.stopped(p.Clean, p.Boot, now)
	if !p.Clean {
		s.lose(Loss{Reason: LostUncleanStop, Class: Telemetry, Epoch: p.Epoch, From: p.At, To: now.Wall, Within: p.CommitEvery})
	}
	if p.Store == s.ident.store && s.ident.epoch > p.Epoch+1 {
		s.lose(Loss{Reason: LostNoDisk, Class: Telemetry, Epoch: s.ident.epoch - 1, To: now.Wall, From: p.At})
	}
}
