//go:build linux

package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
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
	inChild(t)
}

// limiter makes the process one that may not let a file grow beyond a limit, and
// returns what sets the limit and what takes it away.
func limiter(t *testing.T) (limit func(uint64), lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit = func(n uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
	}
	return limit, func() { limit(old.Cur) }
}

// TestCommandOnAFullDisk: what had its effect before the disk was full has its
// outcome and its result on disk while it is, in the reserve that telemetry leaves.
func TestCommandOnAFullDisk(t *testing.T) {
	if dir := os.Getenv(fullDir); dir != "" {
		testCommandOnAFullDisk(t, dir)
		return
	}
	inChild(t)
}

func testCommandOnAFullDisk(t *testing.T, dir string) {
	limit, lift := limiter(t)
	defer lift()
	o := store.Options{Dir: dir, CommitEvery: 10 * time.Millisecond}
	s := storetest.Open(t, o)
	storetest.Ready(t, s)
	before := store.Command{MessageID: "before", Seq: 1}
	if _, err := s.Journal().Begin(bg, before); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	limit(uint64(info.Size()))
	for deadline := time.Now().Add(time.Minute); s.Stats().Full == ""; {
		if time.Now().After(deadline) {
			t.Fatalf("the disk never was full: %+v", s.Stats())
		}
		if _, err := s.Append(bg, storetest.Rec(store.Telemetry, storetest.Noise(900))); err != nil {
			t.Fatal(err)
		}
		s.Flush(bg) // it may fail
	}
	done := store.Outcome{Verdict: store.Completed}
	finish := func(c store.Command) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			err := s.Journal().Finish(bg, c, done, storetest.Rec(store.Result, "result of "+c.MessageID))
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("finish on a full disk: %v", err)
			}
		}
	}
	finish(before)
	for n := range uint64(50) {
		c := store.Command{MessageID: fmt.Sprint("during ", n), Seq: 2 + n}
		if _, err := s.Journal().Begin(bg, c); errors.Is(err, store.ErrDiskFull) {
			continue // it is not executed
		} else if err != nil {
			t.Fatal(err)
		}
		finish(c)
	}
	if st := s.Stats(); st.Full == "" || st.PerClass[store.Result].Lost != 0 {
		t.Errorf("%+v", st)
	}
	if n := len(s.Journal().Entries()); n < 2 {
		t.Errorf("%d commands in the journal: none was begun on the full disk", n)
	}
}

// inChild runs the test in a process of its own.
func inChild(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), fullDir+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func testDiskFull(t *testing.T, dir string) {
	limit, lift := limiter(t)
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
	lift()
	for time.Now().Before(deadline) && (s.Stats().LastError != "" || s.Flush(bg) != nil) {
		time.Sleep(time.Millisecond)
	}
	st := s.Stats()
	if !st.Ready || st.LastError != "" || st.PerClass[store.Alarm].Lost != 0 {
		t.Errorf("after the disk had room: %+v", st)
	}
}
