package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Errorf("%s holds %q, %v, want %q", path, b, err, want)
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"one", "two"} {
		if err := Replace(path, []byte(text), true); err != nil {
			t.Fatal(err)
		}
		holds(t, path, text)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("left beside it: %v, %v", names, err)
	}
	if err := Replace(filepath.Join(dir, "none", "file"), nil, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}

// TestReplaceFollowsNoLink: what somebody has put in the way is not written to.
func TestReplaceFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	write(t, other, "not ours")
	if err := os.Symlink(other, path+".new"); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("ours"), false); err != nil {
		t.Fatal(err)
	}
	holds(t, other, "not ours")
	holds(t, path, "ours")
}

func TestReplaceThatFailsLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("x"), false); err == nil {
		t.Error("a folder was replaced")
	}
	if _, err := os.Lstat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}

func TestReadNoFile(t *testing.T) {
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("a folder is read: %v", err)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing is read: %v", err)
	}
}

func TestHint(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	hint := Hint(dir, filepath.Join(dir, "there.db"))
	if want := fmt.Sprintf("chown -R %s %s %s", me(), dir, filepath.Join(dir, "there.db")); hint != want {
		t.Errorf("%q, want %q", hint, want)
	}
	if hint, want := Hint(none), "mkdir -p "+none+" && chown -R "+me()+" "+none; hint != want {
		t.Errorf("%q, want %q", hint, want)
	}
	for err, want := range map[error]string{
		&fs.PathError{Err: syscall.EACCES}: hint,
		&fs.PathError{Err: syscall.EPERM}:  HintFixed,
		&fs.PathError{Err: syscall.EROFS}:  "",
		nil:                                "",
	} {
		if got := HintAbout(err, hint); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
