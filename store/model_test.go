package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
	"os"
	"strconv"
)

// model is what a store must look like from outside: the queued records of each
// class in order, and the open leases.
type model struct {
	t      *testing.T
	rnd    *rand.Rand
	o      store.Options
	exact  bool // nothing is evicted: the model knows which record comes next
	s      *store.Store
	stop   func()
	queued [store.Classes][]store.ID
	state  map[store.ID]string // queued, leased, done, dead
	leases []*store.Lease
	open   map[*store.Lease][]store.ID
	n      int
}

func TestModel(t *testing.T) {
	seeds := 200
	if testing.Short() {
		seeds = 40
	}
	if n, err := strconv.Atoi(os.Getenv("FIELDPOST_MODEL_SEEDS")); err == nil {
		seeds = n
	}
	t.Logf("%d seeds", seeds)
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			m := &model{t: t, rnd: rand.New(rand.NewPCG(uint64(seed), 1)), exact: seed%2 == 0, state: map[store.ID]string{}, open: map[*store.Lease][]store.ID{}}
			m.o = store.Options{Dir: t.TempDir(), CommitEvery: 5 * time.Second, CommitBytes: 1 << (8 + m.rnd.IntN(8)), NoSync: true}
			if m.exact {
				m.o.MaxMemory = 1 << 20
			} else {
				m.o.MaxMemory, m.o.MaxBytes, m.o.DeadMax = 20_000+m.rnd.IntN(50_000), int64(10_000+m.rnd.IntN(100_000)), 1+m.rnd.IntN(20)
			}
			m.o.Overflow[store.Telemetry] = store.Overflow(m.rnd.IntN(2)) // DropOldest or ThinOut
			m.start()
			for range 300 {
				m.step()
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			m.stop()
			storetest.Verify(t, m.o)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

func (m *model) start() {
	m.s = store.New(m.o)
	m.stop = storetest.Start(m.t, m.s)
	storetest.Ready(m.t, m.s)
}

func (m *model) step() {
	switch p := m.rnd.IntN(100); {
	case p < 40:
		m.append()
	case p < 60:
		m.next()
	case p < 90 && len(m.leases) > 0:
		m.settle()
	case p < 93:
		storetest.Flush(m.t, m.s)
	case p < 94:
		m.dead()
	case p < 95:
		m.export()
	case p < 98:
		time.Sleep(time.Duration(m.rnd.IntN(8000)) * time.Millisecond)
	case p < 99:
		m.restart()
	}
	storetest.Check(m.t, m.s)
	pinned := 0 // a leased record keeps the block it was read with, 4 KiB and one record more
	for _, ids := range m.open {
		pinned += len(ids) * (6 << 10)
	}
	if st := m.s.Stats(); st.MemoryBytes > uint64(m.o.MaxMemory*2+pinned) {
		m.t.Errorf("%d bytes in memory of %d, %d pinned by leases", st.MemoryBytes, m.o.MaxMemory, pinned)
	}
}

func (m *model) append() {
	var recs []store.Record
	for range 1 + m.rnd.IntN(5) {
		m.n++
		c := [...]store.Class{store.Telemetry, store.Telemetry, store.Telemetry, store.Result, store.Alarm, store.Debug}[m.rnd.IntN(6)]
		recs = append(recs, storetest.Rec(c, fmt.Sprint(m.n, storetest.Noise(m.rnd.IntN(600)))))
	}
	tk, err := m.s.Append(bg, recs...)
	if errors.Is(err, store.ErrRefused) && !m.exact {
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	for _, id := range tk.IDs() {
		m.queued[id.Class] = append(m.queued[id.Class], id)
		m.state[id] = "queued"
	}
}

func (m *model) next() {
	w := store.Want{Records: m.rnd.IntN(30), LiveFirst: m.rnd.IntN(3) == 0}
	if m.rnd.IntN(4) == 0 {
		w.Bytes = 1 + m.rnd.IntN(2000)
	}
	if m.rnd.IntN(4) == 0 {
		w.Classes = []store.Class{store.Telemetry, store.Alarm}
	}
	c, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	l, err := m.s.Next(c, w)
	if err != nil {
		for class, q := range m.queued {
			if m.exact && len(q) > 0 && (w.Classes == nil || class != int(store.Result) && class != int(store.Debug)) {
				m.t.Errorf("next: %v, but %d of class %d are queued", err, len(q), class)
			}
		}
		return
	}
	bytes := 0
	var expect []store.ID
	if m.exact && !w.LiveFirst {
		for class, q := range m.queued {
			if w.Classes == nil || slices.Contains(w.Classes, store.Class(class)) {
				expect = append(expect, q...)
			}
		}
	}
	i := 0
	for _, r := range l.Records() {
		if r.Kind == store.KindLedger && m.state[r.ID] == "" { // the store's own, new to the model
			m.state[r.ID] = "queued"
		} else {
			if i < len(expect) && expect[i] != r.ID {
				m.t.Errorf("record %d of the lease is %s, want %s", i, r.ID, expect[i])
			}
			i++
		}
		if m.state[r.ID] != "queued" {
			m.t.Errorf("record %s is handed out, it was %q", r.ID, m.state[r.ID])
		}
		m.state[r.ID] = "leased"
		m.queued[r.Class] = slices.DeleteFunc(m.queued[r.Class], func(id store.ID) bool { return id == r.ID })
		m.open[l] = append(m.open[l], r.ID)
		bytes += len(r.Body)
	}
	if n := len(l.Records()); n > max(w.Records, 1) || w.Bytes > 0 && n > 1 && bytes > w.Bytes {
		m.t.Errorf("%d records of %d bytes for %+v", n, bytes, w)
	} else if want := min(len(expect), max(w.Records, 1)); w.Bytes == 0 && n < want {
		m.t.Errorf("%d records, want %d", n, want)
	}
	m.leases = append(m.leases, l)
}

func (m *model) settle() {
	i := m.rnd.IntN(len(m.leases))
	l := m.leases[i]
	var rest []store.ID
	for _, id := range m.open[l] {
		switch m.rnd.IntN(6) {
		case 0, 1, 2:
			l.Ack(id)
			m.state[id] = "done"
		case 3:
			l.Release(id)
			m.requeue(id)
		case 4:
			l.Dead(id, errors.New("no"))
			m.state[id] = "dead"
		default:
			rest = append(rest, id)
		}
	}
	m.open[l] = rest
	if len(rest) == 0 || m.rnd.IntN(2) == 0 {
		l.Release()
		for _, id := range rest {
			m.requeue(id)
		}
		delete(m.open, l)
		m.leases = slices.Delete(m.leases, i, i+1)
	}
}

// dead puts dead letters back, or drops them.
func (m *model) dead() {
	all, err := m.s.DeadLetters(bg)
	if err != nil {
		m.t.Fatal(err)
	}
	var ids []store.ID
	for _, d := range all {
		if m.rnd.IntN(2) == 0 {
			ids = append(ids, d.Record.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	op := m.s.RetryDead
	if m.rnd.IntN(3) == 0 {
		op = m.s.DropDead
	}
	retry := m.s.Stats().LostByReason[store.LostDropped]
	n, err := op(bg, ids...)
	if err != nil || m.exact && n != len(ids) {
		m.t.Errorf("%d of %d dead letters, %v", n, len(ids), err)
	}
	if retry != m.s.Stats().LostByReason[store.LostDropped] {
		return
	}
	for _, id := range ids {
		m.state[id] = "queued"
		m.requeue(id)
	}
}

// export compares what is queued and leased with what Export tells.
func (m *model) export() {
	got := map[store.ID]bool{}
	for _, r := range storetest.Exported(m.t, m.s) {
		if st := m.state[r.ID]; r.Kind != store.KindLedger && st != "queued" && st != "leased" || got[r.ID] {
			m.t.Errorf("record %s is exported, it was %q", r.ID, st)
		}
		got[r.ID] = true
	}
	for id, st := range m.state {
		if m.exact && (st == "queued" || st == "leased") && !got[id] {
			m.t.Errorf("record %s is %s and not exported", id, st)
		}
	}
}

func (m *model) requeue(id store.ID) {
	m.state[id] = "queued"
	q := append(m.queued[id.Class], id)
	slices.SortFunc(q, func(a, b store.ID) int {
		if a.Epoch != b.Epoch {
			return int(a.Epoch) - int(b.Epoch)
		}
		return int(a.Seq) - int(b.Seq)
	})
	m.queued[id.Class] = q
}

// restart stops the store and starts another: leases are void, Debug is lost.
func (m *model) restart() {
	m.stop()
	before := m.s.Stats()
	for _, l := range m.leases {
		for _, id := range m.open[l] {
			m.requeue(id)
		}
	}
	for id := range m.state {
		if id.Class == store.Debug {
			delete(m.state, id)
		}
	}
	m.queued[store.Debug] = nil
	m.leases, m.open = nil, map[*store.Lease][]store.ID{}
	m.start()
	after := m.s.Stats()
	for c, p := range before.PerClass {
		q := after.PerClass[c]
		if q.Produced < p.Produced || q.Delivered != p.Delivered || m.exact && c != int(store.Alarm) && q != p {
			m.t.Errorf("class %d was %+v, is %+v after the restart", c, p, q)
		}
	}
}
