//go:build unix

package keep

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// theirs is a folder of another user, for a test that is root.
func theirs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root gives files away")
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return dir
}

func belongs(t *testing.T, path string, want int) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); int(s.Uid) != want || int(s.Gid) != want {
		t.Errorf("%s belongs to %d:%d, want %d", path, s.Uid, s.Gid, want)
	}
}

func TestRootGivesWhatItMakes(t *testing.T) {
	dir := theirs(t)
	path, below := filepath.Join(dir, "file"), filepath.Join(dir, "a", "b")
	if err := Replace(path, []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	if err := Folder(below); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Dir(below), below} {
		belongs(t, p, nobody)
	}
}

// TestFolderThatIsThere: a folder that somebody else has made is not given away.
func TestFolderThatIsThere(t *testing.T) {
	dir := theirs(t)
	there := filepath.Join(dir, "there")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Folder(there); err != nil {
		t.Fatal(err)
	}
	belongs(t, there, 0)
}

// TestGiveTheLink: what a link leads to stays whose it is.
func TestGiveTheLink(t *testing.T) {
	dir := theirs(t)
	other, link := filepath.Join(t.TempDir(), "other"), filepath.Join(dir, "link")
	write(t, other, "root's")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	if err := Give(dir, link); err != nil {
		t.Fatal(err)
	}
	belongs(t, link, nobody)
	belongs(t, other, 0)
}

// TestMe: root has a name, and who has none is a number without a group.
func TestMe(t *testing.T) {
	who := me()
	if named := strings.HasSuffix(who, ":"); os.Geteuid() == 0 && who != "root:" || !named && strings.Trim(who, "0123456789") != "" {
		t.Errorf("%q", who)
	}
}
