package store

import (
	"sync"
	"sync/atomic"
	"time"

	"fieldpost/internal/keep"
	"fieldpost/internal/pulse"
)

// Store is the offline queue of one agent. Its methods may be called from any
// goroutine, before Run too: they wait until Run knows the identity.
type Store struct {
	o       Options
	start   time.Time
	running atomic.Bool
	ready   chan struct{} // closed when the identity is known
	closed  chan struct{} // closed when Run has ended
	kick    chan struct{} // wakes the committer
	io      chan struct{} // held by the one who uses the file; taken before mu, never after
	disk    *disk         // under io
	run     uint32        // number of this process in the file, under io
	packer  compressor    // under io
	raw     []byte        // of a block being packed, under io
	target  int           // bytes of records that fit a block when packed, under io
	writing uint64        // number of the transaction under way, 0 = none, under io
	thinned [Classes]key  // how far each class was thinned, under io
	pulse   pulse.Pulse   // of Run
	tick    int           // counts the records that thinning saw, under io
	stays   string        // why the mark of an attempt could not be removed, as told; of the attempt under way
	marks   [Classes]key  // the watermarks of the transaction under way, under io
	chown   string        // the next move when the folder, or the file in it, is somebody else's; of Run

	mu        sync.Mutex
	ident     identity
	identNote string
	identHint string // of identNote; may be empty
	ended     bool
	open      bool   // disk can be read
	adopted   bool   // the file was opened once: the counters here go on from it
	opening   string // why open is false
	failed    bool   // the last attempt to open failed; the next comes after a pause
	lastError string
	lastHint  string        // of lastError, when it is one of rights
	doubt     error         // what a reader met; the committer closes the file and opens it again
	changed   chan struct{} // closed whenever a waiter may go on; nil = nobody waits

	q         [Classes]queue
	known     map[key]*entry // the records in memory that are in no block of blocks
	blocks    map[key]*block // by the key of the first record
	memBytes  int
	dirtyLen  int      // bytes of dirty, settled ones left out
	emptied   []*block // on disk, and nothing is left of them
	unsaved   int      // settled records that the file does not know of
	dead      deadLetters
	led       ledger
	jr        journalState
	boots     *BootTable
	byReason  map[string]uint64
	refused   uint64
	lazyAt    time.Duration // when the oldest change was made that waits for a commit; -1 = none
	emptyAt   time.Duration // since when nothing is on disk; -1 = something is
	shrinkNot time.Duration // the file is not made anew before
	retryAt   time.Duration // no commit on its own account before this
	retries   int
	armed     time.Duration // when the committer looks again; -1 = when it is woken
	force     bool          // the next commit writes even when nothing is queued
	building  bool          // a transaction is built and neither booked nor undone
	late      []*block      // with records settled meanwhile
	limbo     *batch        // its commit failed; whether it is on disk shows when the file is open again
	txn       uint64        // of the last commit
	aside     error         // why the file is to be set aside before the next attempt
	renewed   int           // files set aside since renewedAt
	renewedAt time.Duration
	tight     int64 // bytes on disk that the disk was found to hold; 0 = Options.MaxBytes
	tightEnd  time.Duration
	trimmed   bool         // the last commit made room
	waiting   []chan error // callers of Flush
	salvage   Progress
	wear      wear
	inFile    int64
	free      int64         // on the file system; -1 = unknown
	fileRoom  int64         // in the file, for the next commits
	fits      int64         // what may be stored, as the disk is; 0 = not known yet
	cramped   string        // why the file has less room than it should, or empty
	holdAt    time.Duration // when that is looked at again, if nothing is committed before
	auto      bool          // MaxBytes follows from what is free
	commits   uint64
	syncs     uint64
}

// New returns a store that does nothing yet: Run it.
func New(o Options) *Store {
	s := &Store{
		o:        o.withDefaults(),
		start:    time.Now(),
		ready:    make(chan struct{}),
		closed:   make(chan struct{}),
		kick:     make(chan struct{}, 1),
		io:       make(chan struct{}, 1),
		known:    make(map[key]*entry),
		blocks:   make(map[key]*block),
		target:   blockRaw,
		byReason: make(map[string]uint64),
		lazyAt:   -1,
		emptyAt:  -1,
		free:     -1,
		auto:     o.MaxBytes <= 0,
		opening:  "not started",
	}
	for c := range s.q {
		s.q[c].exhausted = true
	}
	s.jr.init()
	s.wear.allowance = float64(s.o.DailyWrites / burst)
	s.boots = newBootTable(s.o.Clock)
	return s
}

func (s *Store) now() time.Duration { return time.Since(s.start) }

func (s *Store) identified() bool { return s.ident.epoch != 0 }

// urge wakes the committer.
func (s *Store) urge() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// markLazy notes a change that the next commit takes along, within CommitEvery.
func (s *Store) markLazy() {
	if s.lazyAt < 0 {
		s.lazyAt = s.now()
		s.urge()
	}
}

// change returns what the next wake closes.
func (s *Store) change() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// wake lets waiters look again.
func (s *Store) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// forget drops e from memory.
func (s *Store) forget(e *entry) {
	if s.known[e.key] == e {
		delete(s.known, e.key)
	}
	s.leaveBlock(e)
	s.unload(e)
}

// unload drops the data of e; its key stays known while it is on disk.
func (s *Store) unload(e *entry) {
	s.memBytes -= e.mem
	e.mem = 0
	if sl := e.slab; sl != nil {
		if sl.left--; sl.left == 0 {
			s.memBytes -= sl.mem
		}
		e.slab = nil
		return
	}
	if !e.committing {
		e.rec = Record{}
	}
}

// clean says that e needs no commit any more.
func (s *Store) clean(e *entry) {
	if e.counted {
		e.counted = false
		s.dirtyLen -= e.size
	}
}

// note keeps an error for Stats and logs it when it is another than the last.
func (s *Store) note(err error) {
	if text := err.Error(); text != s.lastError {
		s.lastError, s.lastHint = text, keep.HintAbout(err, s.chown)
		s.o.Log.Error("queue is in memory only", hinted(s.lastHint, "dir", s.o.Dir, "err", err)...)
	}
}

// hinted is what a line of the log says, with a hint when there is one.
func hinted(hint string, args ...any) []any {
	if hint != "" {
		args = append(args, "hint", hint)
	}
	return args
}
