package store_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// TestReadingGivesPagesBack: who goes through a large file does not keep it in
// memory.
func TestReadingGivesPagesBack(t *testing.T) {
	const n, size = 400, 60_000
	o := store.Options{Dir: t.TempDir(), CommitEvery: time.Hour, MaxBytes: 100 << 20, NoSync: true}
	s := store.New(o)
	storetest.Start(t, s)
	storetest.Ready(t, s)
	for i := range n {
		storetest.Append(t, s, storetest.Rec(store.Telemetry, storetest.Noise(size)))
		if i%20 == 19 {
			storetest.Flush(t, s)
		}
	}
	if recs := storetest.Exported(t, s); len(recs) != n {
		t.Fatalf("%d records exported", len(recs))
	}
	exported := mapped(t, o.Dir)
	for got := 0; got < n; {
		l := storetest.Next(t, s, store.Want{Records: 20})
		got += len(l.Records())
		l.Ack()
	}
	if drained := mapped(t, o.Dir); max(exported, drained) > n*size/2 {
		t.Errorf("of %d bytes %d are in memory after Export, %d after a drain", n*size, exported, drained)
	}
}

// mapped is how much of the queue file is mapped into memory, in bytes.
func mapped(t *testing.T, dir string) (bytes int) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	lines, ours, found := bufio.NewScanner(f), false, false
	for lines.Scan() {
		var kb int
		if _, err := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kb); err == nil && ours {
			bytes += kb << 10
		} else if strings.Contains(lines.Text(), "-") && strings.Contains(lines.Text(), " r") {
			ours = strings.HasSuffix(lines.Text(), dir+"/queue.db")
			found = found || ours
		}
	}
	if !found {
		t.Skip("the mapping is not listed")
	}
	return bytes
}
