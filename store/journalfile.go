package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"fieldpost/internal/clock"
)

// journalState is under Store.mu.
type journalState struct {
	byKey   map[string]*journalItem
	byMsg   map[string]*journalItem // the first with this message-id
	order   []*journalItem          // as begun
	next    uint64
	removed []uint64
	lostAt  time.Time // when a journal that could not be read was set aside
	waiting []*journalReq
}

type journalItem struct {
	JournalEntry
	id      uint64
	key     string
	pending chan struct{} // closed when the request under way has ended
	onDisk  bool
	dirty   bool // to be written again: the file is another
}

// journalReq is one Begin, or one Finish with its record.
type journalReq struct {
	item *journalItem
	next JournalEntry // what item becomes when it is on disk
	isN  bool         // item exists for this request only
	res  *Record
	rec  *entry
	done chan error
}

func (j *journalState) init() {
	j.byKey, j.byMsg = make(map[string]*journalItem), make(map[string]*journalItem)
}

func (j *journalState) add(it *journalItem) {
	j.byKey[it.key] = it
	if id := it.Command.MessageID; id != "" && j.byMsg[id] == nil {
		j.byMsg[id] = it
	}
	j.order = append(j.order, it)
}

func (j *journalState) remove(it *journalItem) {
	delete(j.byKey, it.key)
	j.order = slices.DeleteFunc(j.order, func(x *journalItem) bool { return x == it })
	if id := it.Command.MessageID; j.byMsg[id] == it {
		delete(j.byMsg, id)
		for _, x := range j.order {
			if x.Command.MessageID == id {
				j.byMsg[id] = x
				break
			}
		}
	}
}

// commandKey names one message of the hub: without a message-id its sequence
// number alone may come again after the hub was made anew.
func commandKey(c *Command) string {
	if c.MessageID != "" {
		return "m" + strconv.FormatUint(c.Seq, 10) + " " + c.MessageID
	}
	return "s" + strconv.FormatUint(c.Seq, 10) + " " + strconv.FormatInt(c.EnqueuedAt.UnixNano(), 10)
}

// textMax bounds each text the journal keeps, in bytes.
const textMax = 1024

// trimCommand bounds what a stranger gave. A time that JSON cannot hold is none.
func trimCommand(c Command) Command {
	if y := c.EnqueuedAt.Year(); y < 0 || y > 9999 {
		c.EnqueuedAt = time.Time{}
	}
	c.MessageID, c.Door, c.Name = clip(c.MessageID, textMax), clip(c.Door, textMax), clip(c.Name, textMax)
	return c
}

// request hands a change of the journal to the committer.
func (s *Store) request(it *journalItem, next JournalEntry, isN bool) *journalReq {
	r := &journalReq{item: it, next: next, isN: isN, done: make(chan error, 1)}
	it.pending = make(chan struct{})
	if isN {
		s.jr.next++
		it.id = s.jr.next
		s.jr.add(it)
	}
	s.jr.waiting = append(s.jr.waiting, r)
	s.urge()
	return r
}

func (s *Store) await(ctx context.Context, r *journalReq) error {
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.jr.waiting, r); i >= 0 { // not taken up yet
			s.jr.waiting = slices.Delete(s.jr.waiting, i, i+1)
			s.endRequest(r, ctx.Err())
		}
		return ctx.Err()
	case <-s.closed:
		select {
		case err := <-r.done:
			return err
		default:
			return ErrClosed
		}
	}
}

// endRequest answers r and undoes what it left in memory when it failed.
func (s *Store) endRequest(r *journalReq, err error) {
	close(r.item.pending)
	r.item.pending = nil
	if err == nil {
		r.item.JournalEntry, r.item.onDisk = r.next, true
	} else if r.isN {
		s.jr.remove(r.item)
	}
	r.done <- err
}

// closed says that nothing is to come for an entry: it may be forgotten.
func (e *JournalEntry) closed() bool { return e.Outcome.Verdict != Pending && e.Due == "" }

// trimJournal forgets finished commands beyond the bounds: the oldest first, of the
// door that has most of them. Many commands by one door must not make one of
// another forgotten whose hub may still deliver it again.
func (s *Store) trimJournal() {
	now := s.o.Clock.Now()
	closed := make(map[string][]*journalItem) // by door, as begun
	n := 0
	for _, it := range slices.Clone(s.jr.order) {
		switch {
		case !it.closed() || it.pending != nil:
		case s.sinceEnd(&it.JournalEntry, now) > s.o.JournalAge:
			s.evictCommand(it)
		default:
			closed[it.Command.Door] = append(closed[it.Command.Door], it)
			n++
		}
	}
	for ; n > s.o.JournalSize; n-- {
		var most string
		for door, list := range closed {
			if have, best := len(list), len(closed[most]); have > best || have == best && door < most {
				most = door
			}
		}
		s.evictCommand(closed[most][0])
		closed[most] = closed[most][1:]
	}
}

func (s *Store) evictCommand(it *journalItem) {
	s.jr.remove(it)
	s.jr.removed = append(s.jr.removed, it.id)
}

// sinceEnd is how long ago a command ended, in powered time: a hub that was not
// reached meanwhile may still deliver it again. A clock that knows no boot has
// only its wall time.
func (s *Store) sinceEnd(e *JournalEntry, now clock.Stamp) time.Duration {
	if now.Boot != ([16]byte{}) {
		return s.boots.age(e.ended, now)
	}
	if e.Ended.Before(clock.Floor) {
		return 0
	}
	return now.Wall.Sub(e.Ended)
}

// unsure says whether c may have been in a journal that is lost. Until the wall
// clock is known nobody can tell what was enqueued later.
func (s *Store) unsure(c *Command) bool {
	at := s.jr.lostAt
	if at.IsZero() {
		return false
	}
	if now := s.o.Clock.Now().Wall; at.Before(clock.Floor) && now.After(clock.Floor) {
		at, s.jr.lostAt = now, now
		s.markLazy()
	}
	return at.Before(clock.Floor) || !c.EnqueuedAt.After(at)
}

// load takes up the entries of the file.
func (j *journalState) load(rows []journalRow) {
	for _, r := range rows {
		it := &journalItem{id: r.ID, onDisk: true, JournalEntry: r.entry()}
		it.key = commandKey(&it.Command)
		if j.byKey[it.key] == nil {
			j.add(it)
		}
		j.next = max(j.next, r.ID)
	}
}

// buildJournal takes up the requests that wait.
func (s *Store) buildJournal(b *batch) {
	b.journal, s.jr.waiting = s.jr.waiting, nil
	b.jdels, s.jr.removed = s.jr.removed, nil
	for _, it := range s.jr.order {
		if it.dirty {
			it.dirty = false
			b.jputs = append(b.jputs, rowOf(it.id, &it.JournalEntry))
		}
	}
	for _, r := range b.journal {
		if r.res != nil {
			r.rec = s.admitted(r.res)
			r.rec.state = claimed
			r.next.Result = r.rec.rec.ID
			b.puts = append(b.puts, r.rec)
		}
		b.jputs = append(b.jputs, rowOf(r.item.id, &r.next))
	}
}

func (s *Store) bookJournal(b *batch) {
	for _, r := range b.journal {
		s.endRequest(r, nil)
	}
}

// failJournal answers the requests of a failed transaction. The sequence of a
// result is taken back when it was the last; otherwise the record counts as lost.
func (s *Store) failJournal(b *batch, err error) {
	for _, r := range slices.Backward(b.journal) {
		if e := r.rec; e != nil {
			q := &s.q[e.class]
			if q.next == e.seq {
				q.next--
			} else {
				q.stats.Produced++
				q.stats.Lost++
				s.lose(lossOf(LostNotKept, &e.rec, e.size))
			}
			s.forget(e)
		}
		s.endRequest(r, fmt.Errorf("%w: %w", ErrDiskFull, err))
	}
	for i := range b.jputs {
		for _, it := range s.jr.order {
			if it.id == b.jputs[i].ID && it.pending == nil {
				it.dirty = true
			}
		}
	}
	s.jr.removed = append(s.jr.removed, b.jdels...)
}
