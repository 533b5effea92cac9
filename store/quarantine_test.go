package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"fieldpost/store"
)

func asides(t testing.TB, dir string) []string {
	t.Helper()
	got, err := filepath.Glob(filepath.Join(dir, "corrupt-*", "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestForeignFiles(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.db")
	db, err := bolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty":     {},
		"text":      []byte("this is no queue\n"),
		"zeros":     make([]byte, 100_000),
		"ones":      bytes.Repeat([]byte{0xff}, 100_000),
		"other":     foreign,
		"one page":  foreign[:4096],
		"two pages": foreign[:8192],
		"sqlite":    append([]byte("SQLite format 3\x00"), make([]byte, 8192)...),
	} {
		t.Run(name, func(t *testing.T) {
			o := store.Options{Dir: t.TempDir()}
			if err := os.WriteFile(filepath.Join(o.Dir, "queue.db"), content, 0o600); err != nil {
				t.Fatal(err)
			}
			st := starts(t, o)
			got := asides(t, o.Dir)
			if len(got) != 1 {
				t.Fatalf("set aside: %v", got)
			}
			if b, err := os.ReadFile(got[0]); err != nil || !bytes.Equal(b, content) {
				t.Errorf("the file set aside has %d bytes, %v", len(b), err)
			}
			if _, ok := st.LostByReason[store.LostQuarantine]; !ok {
				t.Errorf("no ledger entry: %v", st.LostByReason)
			}
		})
	}
	t.Run("folder", func(t *testing.T) {
		o := store.Options{Dir: t.TempDir()}
		if err := os.MkdirAll(filepath.Join(o.Dir, "queue.db", "in it"), 0o700); err != nil {
			t.Fatal(err)
		}
		starts(t, o)
		if got := asides(t, o.Dir); len(got) != 1 {
			t.Errorf("set aside: %v", got)
		}
	})
	t.Run("leftover", func(t *testing.T) {
		o := store.Options{Dir: t.TempDir()}
		if err := os.WriteFile(filepath.Join(o.Dir, "queue.db.new"), foreign, 0o600); err != nil {
			t.Fatal(err)
		}
		starts(t, o)
		if got := asides(t, o.Dir); len(got) != 0 {
			t.Errorf("set aside: %v", got)
		}
	})
}

func TestQuarantineIsBounded(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	for range 6 {
		if err := os.WriteFile(filepath.Join(o.Dir, "queue.db"), []byte("junk"), 0o600); err != nil {
			t.Fatal(err)
		}
		starts(t, o)
	}
	got := asides(t, o.Dir)
	if len(got) != 3 || !strings.Contains(got[2], "corrupt-6") {
		t.Errorf("set aside: %v", got)
	}
}

// TestQuarantineBytes: files set aside share a bound of bytes; the last is kept
// whatever its size.
func TestQuarantineBytes(t *testing.T) {
	o := store.Options{Dir: t.TempDir()}
	path := filepath.Join(o.Dir, "queue.db")
	for _, c := range []struct {
		size int64
		left int
	}{{60 << 20, 1}, {60 << 20, 2}, {60 << 20, 2}, {130 << 20, 1}, {4096, 1}, {4096, 2}} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, c.size); err != nil {
			t.Fatal(err)
		}
		starts(t, o)
		if got := asides(t, o.Dir); len(got) != c.left {
			t.Errorf("after one of %d bytes: %v, want %d", c.size, got, c.left)
		}
	}
}
