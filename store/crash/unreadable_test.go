//go:build linux && proof

package crash

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestUnreadable: where the disk gives an error instead of a part of the file, the
// store opens with the rest. The disk is an image on a loop device; it is cut off in
// the middle of the file, and reading behind its end is an I/O error.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() != 0 || *childCmd != "" {
		t.Skip("SKIPPED: mounts need root and this build")
	}
	image, dir := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Skipf("SKIPPED: %s %s: %v %s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", image)
	mount := func() { t.Helper(); run("mount", "-o", "loop", image, dir) }
	mount()
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	c := newClaims()
	c.follow(t, load{Dir: state, Seed: *seed, Marks: 400, CommitEvery: 20e6, CommitBytes: 16 << 10, MaxMemory: 4 << 20, Crash: true}, 0)
	clear(c.settled)
	run("sync", "-f", filepath.Join(state, "queue.db"))
	extents := run("filefrag", "-b4096", "-v", filepath.Join(state, "queue.db"))
	content, err := os.ReadFile(filepath.Join(state, "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	used := inUse(content)
	run("umount", dir)

	var blocks []int64 // of the disk, by page of the file
	for _, m := range regexp.MustCompile(`(?m)^ *\d+: +(\d+)\.\. +(\d+): +(\d+)\.\.`).FindAllStringSubmatch(extents, -1) {
		first, _ := strconv.ParseInt(m[1], 10, 64)
		last, _ := strconv.ParseInt(m[2], 10, 64)
		at, _ := strconv.ParseInt(m[3], 10, 64)
		for n := first; n <= last; n++ {
			blocks = append(blocks, at+n-first)
		}
	}
	if len(blocks) < used/page {
		t.Fatalf("extents of %d bytes: %s", used, extents)
	}
	mount() // with nothing of the file in memory
	if err := os.Truncate(image, blocks[used/page*2/3]*page); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(state, "queue.db")); err == nil {
		t.Skip("SKIPPED: the file is readable to its end nevertheless")
	}
	f, how := newJury(t).judge(job{Dir: state, Commands: slices.Collect(maps.Keys(c.begun))})
	if f == nil {
		t.Fatal(how)
	}
	v := c.compare(f, true)
	if len(v.wrong)+len(v.faults)+len(v.forgot) > 0 || v.came == 0 {
		t.Errorf("seed %d: %d came, wrong: %s; faults: %s; forgotten: %s", *seed, v.came, few(v.wrong), few(v.faults), few(v.forgot))
	}
	table(t, "a file that the disk gives in part", [][]string{{"durable", "came", "commands", "unsure", "open"},
		{fmt.Sprint(len(c.durable)), fmt.Sprint(v.came), fmt.Sprint(len(c.begun)), fmt.Sprint(v.unsure), fmt.Sprint(f.Opened)}})
}
