package agent

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/keep"
)

// aFile is the path of something that is neither folder nor socket.
func aFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What check and run say of a state folder that cannot be written is about that folder.
func TestStateFolderSaysWhatToDo(t *testing.T) {
	there := t.TempDir()
	none := filepath.Join(there, "none")
	denied, readOnly := &fs.PathError{Err: syscall.EACCES}, &fs.PathError{Err: syscall.EROFS}
	for _, c := range []struct {
		dir  string
		err  error
		runs bool
		want string
	}{
		{there, readOnly, false, "look at dmesg"},
		{there, readOnly, true, "look at dmesg"},
		{there, denied, true, keep.Hint(there)},
		{there, denied, false, "let it have the folder: chown -R"},
		{none, denied, true, "mkdir -p " + none + " && chown -R "},
		{none, denied, false, "make the folder"},
		{there, &fs.PathError{Err: syscall.EPERM}, true, "lsattr"},
		{there, &fs.PathError{Err: syscall.EPERM}, false, "lsattr"},
		{there, writable(aFile(t)), false, "move away what is there"},
		{there, &fs.PathError{Err: syscall.ENOSPC}, true, "free or repair"},
	} {
		if got := stateHint(c.dir, c.err, c.runs); !strings.Contains(got, c.want) {
			t.Errorf("%v, runs %v: %q, want %q", c.err, c.runs, got, c.want)
		}
	}
}

// What lies in the place of the socket is told of by itself: a set of files that is
// provisioned is not refused for it.
func TestCheckTellsOfWhatIsNoSocket(t *testing.T) {
	cfg := load(t, "")
	cfg.Agent.Socket = aFile(t)
	told := func(found []config.Problem) bool {
		return slices.ContainsFunc(found, func(p config.Problem) bool {
			return p.Key == "agent.socket" && strings.Contains(p.Message, "something else than a socket") && strings.Contains(p.Hint, "remove it")
		})
	}
	if !told(CheckSocket(cfg)) || told(CheckFiles(cfg, clock.Stamp{})) {
		t.Errorf("the socket %+v, the files %+v", CheckSocket(cfg), CheckFiles(cfg, clock.Stamp{}))
	}
}
