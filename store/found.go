package store

// found takes the records of one block into memory.
func (s *Store) found(q *queue, from key, g *stored) {
	blk := s.blockAt(&g.head)
	if blk == nil {
		blk = newBlock(&g.head)
	}
	if blk.left == 0 {
		return
	}
	if g.err != nil {
		s.foundDamaged(q, blk)
		return
	}
	blk.number(g.entries)
	slab, now := &slab{}, s.now()
	for i := range g.entries {
		e := &g.entries[i]
		e.key = key{g.head.class, g.head.run, e.rec.Seq}
		if blk.settled(i) || !from.less(e.key) || s.entry(e.key, blk) != nil {
			continue
		}
		e.size += recordOverhead
		e.at, e.slab = now, slab
		slab.left++
		slab.mem += e.size
		s.inBlock(e, blk)
		q.put(e)
	}
	if slab.left > 0 {
		slab.mem = max(slab.mem, g.head.rawLen)
		s.memBytes += slab.mem
	}
	q.found(q.held)
}

// found says that n records were seen on disk, when the counters of a damaged file
// tell of less.
func (q *queue) found(n uint64) {
	more := n - min(n, q.disk.Count)
	q.disk.Count += more
	q.stats.Queued += more
	q.stats.Produced += more
}

// foundDamaged loses what is left of a block that cannot be read. Records of it
// that are in memory were read before: they stay.
func (s *Store) foundDamaged(q *queue, blk *block) {
	if s.blocks[blk.key] == nil {
		s.blocks[blk.key] = blk
	}
	count, first, last := uint64(0), uint64(0), uint64(0)
	for i := range blk.n {
		seq := blk.sequence(i)
		if blk.settled(i) || s.entry(key{blk.class, blk.run, seq}, blk) != nil {
			continue
		}
		blk.settle(i)
		if first == 0 {
			first = seq
		}
		last = seq
		count++
	}
	if blk.left == 0 {
		s.emptied = append(s.emptied, blk)
	}
	s.unsaved++
	count = min(count, q.disk.Count-min(q.held, q.disk.Count))
	s.loseStored(q, Loss{Reason: LostDamaged, Class: blk.class, Epoch: s.epochOf(blk.key), FirstSeq: first, LastSeq: last, Count: count})
}
