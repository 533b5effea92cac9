package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"fieldpost/bench/report"
)

// calibrate tells what a commit is made of: the pages that the store writes, and
// what the file system adds for its journal. The store's estimate of its own
// writes rests on these figures.
func (b *bench) calibrate() error {
	const name, target = "file syncs per commit, from system calls", "<= 2.1"
	if _, err := exec.LookPath("strace"); err != nil {
		b.figures.Open(name, target, "strace is not installed")
		return nil
	}
	t := report.Table{Head: []string{"file", "readings per commit", "commits", "syncs", "bytes written by the store", "pages", "bytes on the device", "file system's share", "store's estimate"}}
	for _, c := range []task{
		{Group: 1, Count: 100}, {Group: 5, Count: 100}, {Group: 30, Count: 100}, {Group: 100, Count: 100}, {Group: 500, Count: 50},
		{Group: 1, Count: 100, Recycle: true}, {Group: 5, Count: 100, Recycle: true}, {Group: 30, Count: 100, Recycle: true}, {Group: 100, Count: 100, Recycle: true}, {Group: 500, Count: 50, Recycle: true},
	} {
		b.progress("calibrating, %d readings a commit", c.Group)
		got, a, err := b.traced(c)
		if err != nil {
			return err
		}
		file := "growing"
		if c.Recycle {
			file = "recycled"
		}
		per := func(n int64) float64 { return float64(n) / float64(max(a.Commits, 1)) }
		t.Add(file, fmt.Sprint(c.Group), fmt.Sprint(a.Commits), report.Num(per(got.syncs-a.OwnSyncs)), report.Num(per(got.bytes)), report.Num(per(got.bytes)/4096), report.Num(per(a.Bytes)), report.Num(per(a.Bytes-got.bytes)), report.Num(per(a.Written)))
		if c.Recycle && c.Group == b.group {
			b.figures.Judge(name, target, report.Num(per(got.syncs-a.OwnSyncs)), per(got.syncs-a.OwnSyncs) <= 2.1, "recycled pages")
		}
	}
	b.out.Section("What one commit writes, bytes")
	b.out.Table(t)
	return nil
}

// traced is what a process asked the kernel for between its two marks.
type traced struct{ syncs, bytes int64 }

func (b *bench) traced(c task) (traced, answer, error) {
	dir, err := b.workDir("calibrate")
	if err != nil {
		return traced{}, answer{}, err
	}
	defer os.RemoveAll(dir)
	scratch, err := os.MkdirTemp("", "bench")
	if err != nil {
		return traced{}, answer{}, err
	}
	defer os.RemoveAll(scratch)
	c.Name, c.Dir, c.Device, c.Mark = "commits", dir, b.dev, filepath.Join(scratch, "mark")
	trace := filepath.Join(scratch, "trace")
	a, err := b.run(c, nil, trace)
	if err != nil {
		return traced{}, a, err
	}
	f, err := os.Open(trace)
	if err != nil {
		return traced{}, a, err
	}
	defer f.Close()
	got, err := readTrace(bufio.NewScanner(f), c.Mark)
	return got, a, err
}

// readTrace counts between the two removals of mark. os.Remove makes two calls for
// what is not there, as it might be a folder.
func readTrace(lines *bufio.Scanner, mark string) (traced, error) {
	var t traced
	marks := 0
	for lines.Scan() {
		line := lines.Text()
		if strings.Contains(line, mark) {
			marks++
			continue
		}
		call, result, done := parseCall(line)
		if marks != 2 || !done {
			continue
		}
		switch call {
		case "fsync", "fdatasync", "msync", "sync_file_range":
			t.syncs++
		case "pwrite64":
			t.bytes += max(result, 0)
		}
	}
	if err := lines.Err(); err != nil {
		return t, err
	}
	if marks != 4 {
		return t, fmt.Errorf("trace has %d marks, not 4", marks)
	}
	return t, nil
}

// parseCall reads "PID call(...) = RESULT" and "PID <... call resumed>...) = RESULT".
// A call that another thread interrupted has no result on its first line.
func parseCall(line string) (call string, result int64, done bool) {
	_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	if after, ok := strings.CutPrefix(rest, "<... "); ok {
		call, _, _ = strings.Cut(after, " ")
	} else {
		call, _, _ = strings.Cut(rest, "(")
	}
	i := strings.LastIndex(rest, " = ")
	if i < 0 {
		return call, 0, false
	}
	value, _, _ := strings.Cut(rest[i+3:], " ")
	result, err := strconv.ParseInt(value, 10, 64)
	return call, result, err == nil
}
