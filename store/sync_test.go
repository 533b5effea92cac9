package store_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// syncDir names the folder in which the test binary, started anew, makes commits
// that are counted from outside.
const syncDir = "FIELDPOST_STORE_SYNCS"

// TestSyncsAreReal: the counter of Stats is what the kernel sees. Every commit is
// two syncs, and a file that grows needs one more in many commits.
func TestSyncsAreReal(t *testing.T) {
	if dir := os.Getenv(syncDir); dir != "" {
		s := store.New(store.Options{Dir: dir})
		stop := storetest.Start(t, s)
		for range 50 {
			if err := storetest.Append(t, s, storetest.Rec(store.Alarm, storetest.Noise(3000))).Durable(bg); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		st := s.Stats()
		fmt.Println("counted", st.Commits, st.Syncs)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace: ", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-e", "trace=fdatasync,fsync", "-o", trace, exe, "-test.run=^TestSyncsAreReal$", "-test.v")
	cmd.Env = append(os.Environ(), syncDir+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "ptrace") || strings.Contains(string(out), "PTRACE") {
			t.Skip("may not trace: ", string(out))
		}
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	real := 0
	for _, line := range strings.Split(string(b), "\n") {
		if (strings.Contains(line, "fdatasync(") || strings.Contains(line, "fsync(")) && strings.Contains(line, "queue.db>") {
			real++
		}
	}
	var commits, syncs int
	if n, err := fmt.Sscanf(regexp.MustCompile(`counted \d+ \d+`).FindString(string(out)), "counted %d %d", &commits, &syncs); n != 2 {
		t.Fatalf("%v in %s", err, out)
	}
	if commits < 50 || syncs < 2*commits || syncs > 2*commits+commits/10 || real != syncs {
		t.Errorf("%d commits, %d syncs counted, %d of queue.db seen by the kernel", commits, syncs, real)
	}
}

// TestNoSync: the option for tests is seen in the counter.
func TestNoSync(t *testing.T) {
	for _, no := range []bool{false, true} {
		s := storetest.Open(t, store.Options{NoSync: no})
		for i := range 10 {
			storetest.Append(t, s, storetest.Rec(store.Telemetry, fmt.Sprint(i)))
			storetest.Flush(t, s)
		}
		if st := s.Stats(); st.Commits < 10 || no && st.Syncs != 0 || !no && st.Syncs < 2*st.Commits {
			t.Errorf("NoSync=%v: %d commits, %d syncs", no, st.Commits, st.Syncs)
		}
	}
}

// TestFreelist: a clean stop leaves the freelist in the file, so that the next
// start need not walk it; a running store does not write it.
func TestFreelist(t *testing.T) {
	for _, clean := range []bool{true, false} {
		o := filled(t, 300, clean)
		b, err := os.ReadFile(filepath.Join(o.Dir, "queue.db"))
		if err != nil {
			t.Fatal(err)
		}
		newest := b[:4096]
		if bytes.Compare(rev(b[4096+64:][:8]), rev(b[64:][:8])) > 0 { // transaction numbers
			newest = b[4096:8192]
		}
		if none := bytes.Equal(newest[48:56], bytes.Repeat([]byte{0xff}, 8)); none == clean {
			t.Errorf("clean=%v: freelist page %x", clean, newest[48:56])
		}
	}
}

func rev(b []byte) []byte {
	out := bytes.Clone(b)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
