package main

import (
	"bufio"
	"strings"
	"testing"
)

func TestReadTrace(t *testing.T) {
	const text = `7 pwrite64(3, "before"..., 4096, 0) = 4096
7 unlinkat(AT_FDCWD, "/tmp/x/mark", 0) = -1 ENOENT (No such file or directory)
7 unlinkat(AT_FDCWD, "/tmp/x/mark", AT_REMOVEDIR) = -1 ENOENT (No such file or directory)
7 pwrite64(3, "a) = 9"..., 8192, 4096) = 8192
8 fdatasync(3 <unfinished ...>
7 write(1, "x", 1)                      = 1
8 <... fdatasync resumed>)              = 0
8 pwrite64(3, "m"..., 4096, 0 <unfinished ...>
8 <... pwrite64 resumed>)               = 4096
8 fdatasync(3)                          = 0
7 unlinkat(AT_FDCWD, "/tmp/x/mark", 0) = -1 ENOENT (No such file or directory)
7 unlinkat(AT_FDCWD, "/tmp/x/mark", AT_REMOVEDIR) = -1 ENOENT (No such file or directory)
7 fdatasync(3)                          = 0
`
	got, err := readTrace(bufio.NewScanner(strings.NewReader(text)), "/tmp/x/mark")
	if want := (traced{syncs: 2, bytes: 12288}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := readTrace(bufio.NewScanner(strings.NewReader(text[:300])), "/tmp/x/mark"); err == nil {
		t.Error("a trace that was cut is taken")
	}
}
