package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"

	"fieldpost/internal/clock"
)

// opened is the end of one attempt to open the file.
type opened struct {
	disk   *disk
	loaded *loaded
	aside  error // why the file that was there was set aside
	err    error
}

// loaded is what is read when the file is opened. Records are not.
type loaded struct {
	state   persisted
	ledger  []*lossEntry
	journal []journalRow
	oldest  [Classes]clock.Stamp
}

// openFile opens the file, or sets it aside and makes a fresh one. An error is
// worth another attempt, except ErrLocked.
func (s *Store) openFile(held *os.File) opened {
	s.mu.Lock()
	aside := s.aside
	s.mu.Unlock()
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return opened{err: err}
	}
	if aside == nil {
		d, err := openDisk(s.path(), held, s.o)
		if err == nil {
			var l *loaded
			if l, err = load(d); err == nil {
				return opened{disk: d, loaded: l}
			}
			d.abandon()
		}
		switch {
		case errors.Is(err, errDamaged):
			aside = err
		case !errors.Is(err, fs.ErrNotExist):
			return opened{err: err}
		}
	}
	if aside != nil {
		if err := quarantine(s.o.Dir, s.path(), !s.o.NoSync); err != nil {
			return opened{err: errors.Join(aside, err)}
		}
	}
	d, err := createDisk(s.path(), s.o)
	if err != nil {
		return opened{err: err}
	}
	l, err := load(d)
	if err != nil {
		d.abandon()
		return opened{err: err}
	}
	return opened{disk: d, loaded: l, aside: aside}
}

// quarantineMax is how many damaged files are kept.
const quarantineMax = 3

// quarantine moves the file to DIR/corrupt-<n>/ and removes the oldest of those
// that are too many.
func quarantine(dir, path string, sync bool) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var have []int
	for _, e := range names {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "corrupt-")); err == nil && strings.HasPrefix(e.Name(), "corrupt-") {
			have = append(have, n)
		}
	}
	slices.Sort(have)
	n := 1
	if len(have) > 0 {
		n = have[len(have)-1] + 1
	}
	name := func(n int) string { return filepath.Join(dir, "corrupt-"+strconv.Itoa(n)) }
	if err := os.MkdirAll(name(n), 0o700); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(name(n), filepath.Base(path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for len(have) >= quarantineMax {
		errs = append(errs, os.RemoveAll(name(have[0])))
		have = have[1:]
	}
	return errors.Join(append(errs, syncDir(dir, sync))...)
}

// load reads what is kept in memory. A bucket that is missing, or a state of
// another format, is not ours: the file is damaged as far as we are concerned.
func load(d *disk) (*loaded, error) {
	l := &loaded{}
	err := d.view(func(tx *bolt.Tx) error {
		for _, b := range buckets {
			if tx.Bucket(b) == nil {
				return damaged("no bucket %s", b)
			}
		}
		if err := openJSON(tx.Bucket(bucketState).Get(keyState), &l.state); err != nil {
			recount(tx, &l.state)
		}
		if l.state.Format != fileFormat {
			return damaged("format %d is not %d", l.state.Format, fileFormat)
		}
		for c := range l.oldest {
			if k, v := tx.Bucket(bucketQueue).Cursor().Seek([]byte{byte(c)}); k != nil && k[0] == byte(c) {
				if r, err := decodeRecord(v); err == nil {
					l.oldest[c] = r.Stamp
				}
			}
		}
		if err := tx.Bucket(bucketLedger).ForEach(func(_, v []byte) error {
			e := &lossEntry{}
			if openJSON(v, e) == nil {
				l.ledger = append(l.ledger, e)
			}
			return nil
		}); err != nil {
			return err
		}
		return tx.Bucket(bucketJournal).ForEach(func(_, v []byte) error {
			var r journalRow
			if openJSON(v, &r) == nil {
				l.journal = append(l.journal, r)
			}
			return nil
		})
	})
	return l, err
}

// recount finds by reading every key what the state, damaged, would have said.
// What was delivered and lost stays unknown.
func recount(tx *bolt.Tx, p *persisted) {
	*p = persisted{Format: fileFormat}
	count := func(k, v []byte, f func(pc *persistedClass, size int)) {
		if at, ok := parseKey(k, 0); ok {
			p.Run = max(p.Run, at.run)
			f(&p.Classes[at.class], len(v)+recordOverhead)
		}
	}
	c := tx.Bucket(bucketQueue).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		count(k, v, func(pc *persistedClass, size int) { pc.add(1, size) })
	}
	c = tx.Bucket(bucketDead).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		count(k, v, func(pc *persistedClass, size int) {
			pc.Dead++
			p.DeadLetters.add(1, size)
		})
	}
	if k, _ := tx.Bucket(bucketLedger).Cursor().Last(); len(k) == 8 {
		p.Ledger = binary.BigEndian.Uint64(k)
	}
}

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
		s.troubled(fmt.Errorf("open queue %s: %w", s.path(), o.err))
		return nil
	}
	now := s.o.Clock.Now()
	p := &o.loaded.state
	ours := p.Run == s.run && p.Store == hex.EncodeToString(s.ident.store[:]) && p.Epoch == s.ident.epoch
	if b := s.limbo; b != nil {
		s.limbo = nil
		if ours && p.Txn == b.state.Txn {
			s.booked(b)
		} else {
			s.undone(b, errors.New(s.lastError))
		}
	}
	if s.adopted && !ours {
		s.bereft()
	}
	s.disk = o.disk
	if !s.adopted || !ours {
		s.run = max(s.run, p.Run+1, s.ident.epoch)
		s.restore(o.loaded)
	}
	if !s.adopted {
		s.stops(p, now)
	}
	if o.aside != nil {
		s.o.Log.Error("queue file set aside, a fresh one is in use", "dir", s.o.Dir, "reason", o.aside)
		if !s.adopted {
			s.jr.lostAt = now.Wall
			for _, c := range []Class{Alarm, Result, Telemetry} {
				s.lose(Loss{Reason: LostQuarantine, Class: c, Epoch: s.ident.epoch - 1, To: now.Wall})
			}
		}
	}
	s.aside, s.doubt = nil, nil
	s.adopted, s.open, s.failed, s.force = true, true, false, true
	s.opening, s.retryAt = "", 0
	s.inFile = o.disk.size()
	s.report()
	s.o.Log.Info("queue open", "file", s.path(), "store", hex.EncodeToString(s.ident.store[:]), "epoch", s.ident.epoch)
	return nil
}

// bereft takes up that the file is gone: what is in memory is written again, what
// was on disk only is lost.
func (s *Store) bereft() {
	var inFile [Classes]uint64
	for c := range s.q {
		s.q[c].dirty, s.q[c].cached, s.q[c].stats.Bytes = list{}, 0, 0
	}
	for k, e := range s.known {
		q := &s.q[k.class]
		if e.onDisk {
			inFile[k.class]++
			e.onDisk = false
		}
		if e.state < gone {
			q.stats.Bytes += int64(e.size)
		}
		switch {
		case e.state == gone:
			s.forget(e)
		case e.state != buried && k.class != Debug:
			q.dirty.insert(e)
			if !e.counted {
				e.counted = true
				s.dirtyLen += e.size
			}
		}
	}
	s.settled = nil
	for c := range s.q {
		q := &s.q[c]
		lost := q.disk.Count - min(inFile[c], q.disk.Count)
		var fresh uint64
		for _, d := range s.dead.fresh {
			if d.e.class == Class(c) {
				fresh++
			}
		}
		dead := q.stats.Dead - fresh
		q.stats.Queued -= lost
		q.stats.Dead -= dead
		q.stats.Lost += lost + dead
		q.disk, q.exhausted = onDisk{}, true
		if lost+dead > 0 {
			s.lose(Loss{Reason: LostQuarantine, Class: Class(c), Epoch: s.ident.epoch, Count: lost + dead})
		}
	}
	for _, e := range s.led.entries {
		e.dirty = true
	}
	for _, it := range s.jr.order {
		it.dirty = it.pending == nil
	}
	s.led.removed, s.jr.removed = nil, nil
}
