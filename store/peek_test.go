package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// TestPeekWithoutFile: what is in memory is shown while there is no file, with a
// word that there may be more.
func TestPeekWithoutFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := store.New(store.Options{Dir: filepath.Join(file, "below")})
	stop := storetest.Start(t, s)
	tk, err := s.Append(bg, storetest.Rec(store.Telemetry, "a"), storetest.Rec(store.Alarm, "b"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Peek(bg, store.AllClasses, 10)
	if !errors.Is(err, store.ErrPartial) || len(got) != 2 || got[0].ID != tk.IDs()[1] {
		t.Errorf("peek: %v, %v; want two records and ErrPartial", got, err)
	}
	n := 0
	if err := s.Export(bg, func(store.Record) error { n++; return nil }); !errors.Is(err, store.ErrPartial) || n != 2 {
		t.Errorf("export: %d records, %v; want 2 and ErrPartial", n, err)
	}
	stop()
	if _, err := s.Peek(bg, store.AllClasses, 10); !errors.Is(err, store.ErrClosed) {
		t.Errorf("peek after the end: %v", err)
	}
}
