package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// TestFsck: the report of a stopped store agrees with what the next start drains,
// nothing is changed, damage is told, and a running store is left alone.
func TestFsck(t *testing.T) {
	o := filled(t, 500, true)
	path := filepath.Join(o.Dir, "queue.db")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines, letters uint64
	take := func(r store.Salvaged) error {
		lines++
		if r.Dead != nil {
			letters++
		}
		return nil
	}
	r, err := store.Fsck(bg, o.Dir, store.FsckOptions{Salvage: take})
	if err != nil || len(r.Problems) != 0 || !r.Clean || r.JournalOpen != 1 {
		t.Errorf("report %+v, %v", r, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
	var salvaged, dead uint64
	for c, p := range r.PerClass {
		if p.Counted != p.Salvaged {
			t.Errorf("class %d: %+v", c, p)
		}
		salvaged += p.Salvaged
		dead += p.Dead
	}
	if lines != salvaged+dead || letters != dead || dead == 0 {
		t.Errorf("%d came, %d of them dead letters; reported are %d records and %d dead letters", lines, letters, salvaged, dead)
	}
	spoil(t, o, func(b []byte) []byte { clear(b[:8192]); return b })
	if r, err := store.Fsck(bg, o.Dir, store.FsckOptions{}); err != nil || len(r.Problems) == 0 || r.PerClass[store.Telemetry].Salvaged == 0 {
		t.Errorf("report of a damaged file %+v, %v", r, err)
	}
	s := storetest.Open(t, o)
	storetest.Ready(t, s)
	if _, err := store.Fsck(bg, o.Dir, store.FsckOptions{}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("fsck of a running store: %v", err)
	}
}
