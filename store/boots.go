package store

import (
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"fieldpost/internal/clock"
)

// Boot is what is known of one boot of the gateway.
type Boot struct {
	Boot        [16]byte      `json:"boot"`
	Began       time.Time     `json:"began"`       // wall time of its beginning; zero while unknown
	Uncertainty time.Duration `json:"uncertainty"` // how far Began may be off
	Powered     time.Duration `json:"powered"`     // how long it has lasted, as far as was seen

	// Counts up to and with this boot, since the file was made.
	Number uint32 `json:"number,omitempty"` // boots
	Cuts   uint32 `json:"cuts,omitempty"`   // boots that ended before the agent did: a power cut or a reset
	Kills  uint32 `json:"kills,omitempty"`  // agents that ended without a clean stop in a boot that went on
}

// bootsMax is how many boots are remembered.
const bootsMax = 64

// bootStep is how far Began must be off before it is written again.
const bootStep = time.Second

// BootTable remembers the boots of which records may still be queued. It is a
// clock.Timeline: a stamp of an earlier boot is dated by what was learned then,
// across restarts, and else by what is known of those before and behind it. It learns when it resolves and at every commit, and is written
// with the commits that are made anyway.
type BootTable struct {
	clock clock.Clock
	line  *clock.BootTimeline

	mu    sync.Mutex
	boots []Boot // as they were seen; the present one is the last
	dirty bool
	ended Ending
}

// Ending is how the run before this one has ended.
type Ending byte

const (
	EndedUnknown Ending = iota // there was none, or nothing tells
	EndedClean
	EndedKilled // the agent, in this boot
	EndedCut    // the boot: power cut or reset
)

// String returns "unknown", "clean", "killed" or "cut".
func (e Ending) String() string { return [...]string{"unknown", "clean", "killed", "cut"}[e] }

// Ended returns how the run before this one has ended; unknown until the file is open.
func (t *BootTable) Ended() Ending {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// stopped takes up how the run before has ended, which was in the boot was.
func (t *BootTable) stopped(clean bool, was [16]byte, now clock.Stamp) {
	t.learn(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	none := [16]byte{}
	switch {
	case clean:
		t.ended = EndedClean
		return
	case was == none || now.Boot == none:
		return
	}
	b := &t.boots[len(t.boots)-1]
	if t.dirty = true; was == now.Boot {
		t.ended = EndedKilled
		b.Kills++
	} else {
		t.ended = EndedCut
		b.Cuts++
	}
}

// number counts the boots behind the first n, which are numbered. The caller holds mu.
func (t *BootTable) number(n int) {
	for i := n; i < len(t.boots); i++ {
		b := &t.boots[i]
		b.Number, b.Cuts, b.Kills = 1, 0, 0
		if i > 0 {
			p := &t.boots[i-1]
			b.Number, b.Cuts, b.Kills = p.Number+1, p.Cuts, p.Kills
		}
	}
}

func newBootTable(c clock.Clock) *BootTable {
	return &BootTable{clock: c, line: clock.NewTimeline(c)}
}

// Boots returns the table of boots.
func (s *Store) Boots() *BootTable { return s.boots }

// Entries returns the boots known, the oldest first, the present one last.
func (t *BootTable) Entries() []Boot {
	t.learn(t.clock.Now())
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.boots)
}

// Resolve implements clock.Timeline.
func (t *BootTable) Resolve(st clock.Stamp) (at time.Time, uncertainty time.Duration) {
	now := t.clock.Now()
	t.learn(now)
	return t.resolve(st, now.Boot, t.line)
}

// resolve leaves to line what the present boot or the stamp itself knows best.
func (t *BootTable) resolve(st clock.Stamp, present [16]byte, line clock.Timeline) (at time.Time, uncertainty time.Duration) {
	if st.Trust == clock.TrustSynced || st.Boot == present {
		return line.Resolve(st)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.find(st.Boot)
	switch {
	case i < 0, t.boots[i].Uncertainty > 0 && st.Trust == clock.TrustPlausible:
		return line.Resolve(st)
	case !t.boots[i].Began.IsZero():
		return t.boots[i].Began.Add(st.BootTime), t.boots[i].Uncertainty
	case st.Trust != clock.TrustNone:
		return line.Resolve(st)
	}
	return t.between(i, st.BootTime)
}

// between dates a moment of a boot whose clock was never set, since since after its
// beginning. It was behind what is known of earlier boots and ahead of what is known of
// later ones, by as long as the boots between them have lasted. A gateway that lost its
// power is mostly switched on again soon, so the latest moment is given, and how long
// before that it can have been. Without a later boot that is known, nothing is.
func (t *BootTable) between(i int, since time.Duration) (at time.Time, uncertainty time.Duration) {
	known := func(b Boot) bool { return !b.Began.IsZero() && b.Uncertainty == 0 }
	later := slices.IndexFunc(t.boots[i:], known)
	if later < 0 {
		return time.Time{}, 0
	}
	at = t.boots[i+later].Began.Add(-max(t.boots[i].Powered-since, 0))
	for _, b := range t.boots[i+1 : i+later] {
		at = at.Add(-b.Powered)
	}
	early, spent := clock.Floor, since
	for _, b := range slices.Backward(t.boots[:i]) {
		spent += b.Powered
		if known(b) {
			early = b.Began
			break
		}
	}
	return at, at.Sub(early.Add(spent)).Abs()
}

// Snapshot implements clock.Snapshotter.
func (t *BootTable) Snapshot() clock.Timeline {
	now := t.clock.Now()
	t.learn(now)
	return &bootMoment{t, now.Boot, t.line.Snapshot()}
}

// bootMoment is a BootTable that does not look at the clock.
type bootMoment struct {
	table   *BootTable
	present [16]byte
	line    clock.Timeline
}

// Resolve implements clock.Timeline.
func (m *bootMoment) Resolve(st clock.Stamp) (at time.Time, uncertainty time.Duration) {
	return m.table.resolve(st, m.present, m.line)
}

// find returns the place of a boot in the table, -1 when it is not there. The caller holds mu.
func (t *BootTable) find(id [16]byte) int {
	return slices.IndexFunc(t.boots, func(b Boot) bool { return b.Boot == id })
}

// learn takes up what the clock says of the present boot.
func (t *BootTable) learn(now clock.Stamp) {
	if now.Boot == [16]byte{} {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.find(now.Boot)
	if i < 0 {
		t.boots = append(t.boots, Boot{Boot: now.Boot})
		t.number(len(t.boots) - 1)
		t.boots = t.boots[max(len(t.boots)-bootsMax, 0):]
		i, t.dirty = len(t.boots)-1, true
	}
	b := &t.boots[i]
	b.Powered = max(b.Powered, now.BootTime)
	began := now.Wall.Add(-now.BootTime)
	off := began.Sub(b.Began).Abs() >= bootStep
	switch {
	case now.Trust == clock.TrustSynced && (b.Began.IsZero() || b.Uncertainty > 0 || off):
		b.Began, b.Uncertainty, t.dirty = began, 0, true
	case now.Trust == clock.TrustPlausible && (b.Began.IsZero() || b.Uncertainty > 0 && off):
		b.Began, b.Uncertainty, t.dirty = began, clock.UnvouchedUncertainty, true
	}
}

// age is how long ago st was, in powered time, as far as that is known: a boot
// that is not in the table counts as nothing.
func (t *BootTable) age(st, now clock.Stamp) time.Duration {
	if st.Boot == now.Boot {
		return now.BootTime - st.BootTime
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	age := now.BootTime
	for i := len(t.boots) - 1; i >= 0; i-- {
		switch b := t.boots[i]; b.Boot {
		case now.Boot:
		case st.Boot:
			return age + max(b.Powered-st.BootTime, 0)
		default:
			age += b.Powered
		}
	}
	return now.BootTime
}

// restore takes up the boots of the file, which come before the present one, and
// how long the last of them was seen to last.
func (t *BootTable) restore(boots []Boot, last [16]byte, powered time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.boots
	t.boots = nil
	for _, b := range boots {
		if b.Boot == last && b.Powered < powered {
			b.Powered, t.dirty = powered, true
		}
		t.boots = append(t.boots, b)
	}
	first := slices.IndexFunc(t.boots, func(b Boot) bool { return b.Number == 0 }) // written by an older version
	if first < 0 {
		first = len(t.boots)
	}
	for _, b := range known {
		i := t.find(b.Boot)
		if i < 0 {
			t.boots = append(t.boots, b)
		} else if b.Uncertainty == 0 && !b.Began.IsZero() {
			b.Number, b.Cuts, b.Kills = t.boots[i].Number, t.boots[i].Cuts, t.boots[i].Kills
			t.boots[i] = b
		}
	}
	t.number(first)
	t.boots = t.boots[max(len(t.boots)-bootsMax, 0):]
}

// changed returns the table when it is to be written.
func (t *BootTable) changed() []Boot {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dirty {
		return nil
	}
	t.dirty = false
	return slices.Clone(t.boots)
}

// again says that the table is to be written with the next commit.
func (t *BootTable) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dirty = true
}

var keyBoots = []byte("boots")

func writeBoots(tx *bolt.Tx, boots []Boot) error {
	if boots == nil {
		return nil
	}
	return putJSON(tx.Bucket(bucketBoots), tagBoots, keyBoots, boots)
}
