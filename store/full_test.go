//go:build linux

package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// fullDir names the folder in which the test binary, started anew, may not let a
// file grow beyond a limit: the nearest to a full disk that needs no rights.
const fullDir = "FIELDPOST_STORE_FULL"

// TestDiskFull: a disk that refuses costs no record while memory holds them, then
// the oldest telemetry; alarms stay, and the queue recovers by itself.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(fullDir); dir != "" {
		testDiskFull(t, dir)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestDiskFull$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), fullDir+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func testDiskFull(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := func(n uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
	}
	const bound = 400_000
	o := store.Options{Dir: dir, CommitBytes: 20_000, MaxMemory: 300_000, CommitEvery: 10 * time.Millisecond}
	s := storetest.Open(t, o)
	storetest.Ready(t, s)
	limit(bound)
	if err := storetest.Append(t, s, storetest.Rec(store.Alarm, "first")).Durable(bg); err != nil {
		t.Fatal(err)
	}
	failed := false
	deadline := time.Now().Add(time.Minute)
	for n := 0; s.Stats().LostByReason[store.LostQueueFull] == 0; n++ {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was evicted: %+v", s.Stats())
		}
		if _, err := s.Append(bg, storetest.Rec(store.Telemetry, storetest.Noise(900))); err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 && !failed {
			s.Flush(bg) // it fails when the disk is full
		}
		st := s.Stats()
		if st.LastError != "" {
			if !failed {
				if lost := st.PerClass[store.Telemetry].Lost; lost != 0 {
					t.Errorf("%d lost before memory was full", lost)
				}
				if _, err := s.Journal().Begin(bg, store.Command{MessageID: fmt.Sprint(n)}); err != nil && !errors.Is(err, store.ErrDiskFull) {
					t.Errorf("begin on a full disk: %v", err)
				}
			}
			failed = true
			time.Sleep(time.Millisecond) // the disk is tried again after a pause
		}
		if st.MemoryBytes > 310_000 {
			t.Fatalf("%d bytes in memory", st.MemoryBytes)
		}
		storetest.Check(t, s)
	}
	if !failed {
		t.Error("the disk never refused")
	}
	limit(old.Cur)
	for time.Now().Before(deadline) && (s.Stats().LastError != "" || s.Flush(bg) != nil) {
		time.Sleep(time.Millisecond)
	}
	st := s.Stats()
	if !st.Ready || st.LastError != "" || st.PerClass[store.Alarm].Lost != 0 {
		t.Errorf("after the disk had room: %+v", st)
	}
}
