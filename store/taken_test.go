package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// The state folder is removed under a running store: what it still has in memory
// goes into a new file, and never into one without a name.
func TestFolderTakenAway(t *testing.T) {
	o := store.Options{Dir: filepath.Join(t.TempDir(), "state"), CommitEvery: 10 * time.Millisecond}
	s := store.New(o)
	stop := storetest.Start(t, s)
	storetest.Ready(t, s)
	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	ticket := storetest.Append(t, s, storetest.Rec(store.Alarm, "door open"))
	if err := ticket.Durable(t.Context()); err != nil {
		t.Fatalf("durable: %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "queue.db")); err != nil {
		t.Fatalf("said to be durable: %v", err)
	}
	stop()
	again := store.New(o)
	storetest.Start(t, again)
	storetest.Ready(t, again)
	found := false
	for _, r := range storetest.Drained(t, again, o) {
		found = found || string(r.Body) == "door open"
	}
	if !found {
		t.Error("the record is gone")
	}
}
