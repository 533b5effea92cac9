//go:build linux && proof

package crash

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// loggedDisk is the mapped device whose writes are logged.
const loggedDisk = "logged"

// recording is what agents did to a disk, write for write, and what they claimed
// meanwhile.
type recording struct {
	name    string
	base    string // image from before
	log     string // image of the log
	entries []logged
	lines   []string // of agents, one for each of their marks in the log
	ends    map[int]bool
}

// recordDisk lets agents run one after the other on a logged disk.
func recordDisk(t testing.TB, initrd, name string, loads ...load) *recording {
	t.Helper()
	dir := t.TempDir()
	r := &recording{name: name, base: filepath.Join(dir, "base"), log: filepath.Join(dir, "log"), ends: make(map[int]bool)}
	newDisk(t, r.base)
	disk := filepath.Join(dir, "disk")
	if err := copyFile(r.base, disk); err != nil {
		t.Fatal(err)
	}
	if err := sparse(r.log, 1<<30); err != nil {
		t.Fatal(err)
	}
	m, err := boot(t, initrd, disk, r.log)
	if err != nil {
		t.Fatal(err)
	}
	m.mark = func(line string) { r.lines = append(r.lines, line) }
	node := m.do(errand{Do: "map", Name: loggedDisk, Device: "/dev/vda", Kind: "log-writes", Params: "DEVICE /dev/vdb"}).Node
	m.do(errand{Do: "mount", Device: node})
	for _, l := range loads {
		l.Dir, l.LogMarks = guestDir, true
		m.do(errand{Do: "agent", Load: l})
		if a := m.do(errand{Do: "wait"}); l.Crash != (a.Ended == "signal: killed") {
			t.Fatalf("%s: the agent ended: %s", name, a.Ended)
		}
		r.ends[len(r.lines)] = true
	}
	m.do(errand{Do: "unmount"})
	m.do(errand{Do: "unmap", Name: loggedDisk})
	m.kill()
	if err := r.read(disk); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// read takes in the log, and verifies that it turns the disk as it was before into
// what the disk was in the end.
func (r *recording) read(end string) error {
	log, err := os.Open(r.log)
	if err != nil {
		return err
	}
	defer log.Close()
	if r.entries, err = readLog(log); err != nil {
		return err
	}
	again := end + "-again"
	if err := copyFile(r.base, again); err != nil {
		return err
	}
	disk, err := os.OpenFile(again, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer disk.Close()
	all := &replayed{log: log, disk: disk, entries: r.entries}
	if err := all.goOn(len(r.entries)); err != nil {
		return err
	}
	want, err := os.ReadFile(end)
	if err != nil {
		return err
	}
	got, err := os.ReadFile(again)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("replayed, the log does not give the disk it was taken from")
	}
	return r.complete()
}

// complete verifies that the log has the mark of every line, and drops the marks
// that have none: that of the log's own end, and one that an agent died over
// before it could print the line.
func (r *recording) complete() error {
	n, of := 0, 0
	for i := range r.entries {
		e := &r.entries[i]
		if e.flags&logMark == 0 {
			continue
		}
		if e.mark == "dm-log-writes-end" || r.ends[n] && n > of && e.mark == fmt.Sprint(n-of) {
			e.flags = 0
			continue
		}
		if r.ends[n] {
			of = n
		}
		if want := fmt.Sprint(n - of); e.mark != want {
			return fmt.Errorf("a mark says %q, want %q", e.mark, want)
		}
		n++
	}
	if n != len(r.lines) {
		return fmt.Errorf("%d marks for %d lines", n, len(r.lines))
	}
	return nil
}

// moment is a state of the disk and how many lines had been printed at the latest
// when the disk was like that.
type moment struct {
	diskState
	lines int
}

// moments lists the disk after each write, and before the first; with a seed each
// with a part of what follows.
func (r *recording) moments(seed uint64) []moment {
	all := []moment{{diskState{0, seed}, 0}}
	for i, e := range r.entries {
		switch {
		case e.sectors > 0:
			if seed != 0 {
				seed++
			}
			all = append(all, moment{diskState{i + 1, seed}, all[len(all)-1].lines})
		case e.flags&logMark != 0:
			all[len(all)-1].lines++
		}
	}
	return all
}

// claimed adds lines from..to to what agents have said.
func (r *recording) claimed(c *claims, from, to int) {
	for n := from; n < to; n++ {
		c.mark(r.lines[n])
		if r.ends[n+1] {
			c.stopped(time.Hour) // only a Flush settles for good here
		}
	}
}
