//go:build linux

package store_test

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

const nobody = 65534

// servant is a store that another user runs.
type servant struct {
	t     *testing.T
	lines *bufio.Scanner
}

// asServant starts a store in dir, which must be its user's.
func asServant(t *testing.T, dir string) *servant {
	t.Helper()
	cmd := exec.Command("/proc/self/exe") // by its own name it may lie where that user may not look
	cmd.Env = append(os.Environ(), servantDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &servant{t, bufio.NewScanner(out)}
}

// says returns the next line, without the word that it must begin with.
func (s *servant) says(word string) string {
	s.t.Helper()
	s.lines.Scan()
	rest, ok := strings.CutPrefix(s.lines.Text(), word+" ")
	if !ok {
		s.t.Fatalf("it says %q, not that it is %s", s.lines.Text(), word)
	}
	return rest
}

// records counts the records it has.
func (s *servant) records() (all int, meanwhile bool) {
	for s.lines.Scan() {
		text, ok := strings.CutPrefix(s.lines.Text(), "record ")
		if !ok {
			s.t.Error(s.lines.Text())
			continue
		}
		all++
		meanwhile = meanwhile || text == "meanwhile"
	}
	return all, meanwhile
}

// handed gives a folder with a queue in it to the servant.
func handed(t *testing.T) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root has files of two users")
	}
	o := filled(t, 50, true)
	chown(t, nobody, o.Dir)
	if err := os.Chmod(filepath.Dir(o.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return o.Dir
}

// chown gives everything in dir, and dir, to a user.
func chown(t *testing.T, user int, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, user, user))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOthersFile: a healthy file that somebody else owns is left where it is, whatever
// is known of it, and taken as it is once it is ours again.
func TestOthersFile(t *testing.T) {
	for name, take := range map[string]func(dir, file string) error{
		"the file": func(_, file string) error { return os.Chown(file, 0, 0) },
		"the file, which has ended the process before": func(dir, file string) error {
			return errors.Join(os.Chown(file, 0, 0),
				os.WriteFile(filepath.Join(dir, ".opening"), []byte("9 9 "+strings.Repeat("0", 32)+"\n"), 0o644))
		},
		"the folder that a link leads to": func(dir, file string) error {
			there := filepath.Join(dir, "there")
			return errors.Join(os.Mkdir(there, 0o700), os.Rename(file, filepath.Join(there, "queue.db")),
				os.Symlink(filepath.Join(there, "queue.db"), file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := handed(t)
			file := filepath.Join(dir, "queue.db")
			if err := take(dir, file); err != nil {
				t.Fatal(err)
			}
			before, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			s := asServant(t, dir)
			if hint := s.says("broken"); !strings.HasPrefix(hint, "chown -R nobody: "+dir) {
				t.Errorf("hint %q", hint)
			}
			if there, err := os.Stat(file); err != nil || !os.SameFile(before, there) {
				t.Errorf("in its place: %v, %v", there, err)
			}
			if got := asides(t, dir); len(got) > 0 {
				t.Errorf("set aside: %v", got)
			}
			if err := os.RemoveAll(filepath.Join(dir, ".opening")); err != nil {
				t.Fatal(err)
			}
			chown(t, nobody, dir)
			s.says("open")
			if all, meanwhile := s.records(); all < 40 || !meanwhile {
				t.Errorf("%d records, that of meanwhile: %v", all, meanwhile)
			}
			if got := asides(t, dir); len(got) > 0 {
				t.Errorf("set aside: %v", got)
			}
		})
	}
}

// TestOwnFileWithoutRights: what only its mode forbids is put right and taken.
func TestOwnFileWithoutRights(t *testing.T) {
	for _, name := range []string{"queue.db", "identity", ".opening"} {
		t.Run(name, func(t *testing.T) {
			dir := handed(t)
			before := identityOf(t, dir)
			path := filepath.Join(dir, name)
			if f, err := os.OpenFile(path, os.O_CREATE, 0o600); err != nil || f.Close() != nil || os.Chown(path, nobody, nobody) != nil || os.Chmod(path, 0) != nil {
				t.Fatal(err)
			}
			s := asServant(t, dir)
			if got := s.says("open"); got != before+` "" ""` {
				t.Errorf("open %s, want the identity %s", got, before)
			}
			if all, _ := s.records(); all < 40 || len(asides(t, dir)) > 0 {
				t.Errorf("%d records, set aside %v", all, asides(t, dir))
			}
		})
	}
}

func identityOf(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), `"store":"`)
	return rest[:16]
}

// TestOthersIdentity: an identity that may not be read is another's for one start,
// and stays for the next.
func TestOthersIdentity(t *testing.T) {
	dir := handed(t)
	path, before := filepath.Join(dir, "identity"), identityOf(t, dir)
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := asServant(t, dir)
		got := s.says("open")
		if strings.HasPrefix(got, before) || !strings.Contains(got, "identity drawn for this start only: read identity: open "+path+": permission denied") ||
			!strings.HasSuffix(got, `"chown -R nobody: `+dir+`"`) {
			t.Errorf("open %s", got)
		}
		if all, _ := s.records(); all < 40 || identityOf(t, dir) != before {
			t.Errorf("%d records, identity %s, was %s", all, identityOf(t, dir), before)
		}
	}
	chown(t, nobody, dir)
	s := asServant(t, dir)
	if got := s.says("open"); got != before+` "" ""` {
		t.Errorf("open %s, want %s as it was", got, before)
	}
	s.records()
}

// TestRootInOthersFolder: root leaves nothing in a folder of another user that this
// user may not have, also when it sets a file aside and makes the next.
func TestRootInOthersFolder(t *testing.T) {
	dir := handed(t)
	o := store.Options{Dir: dir}
	if err := errors.Join(os.Remove(filepath.Join(dir, "identity")), os.WriteFile(filepath.Join(dir, "queue.db.new"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "queue.db"), 10_000); err != nil {
		t.Fatal(err)
	}
	s := store.New(o)
	stop := storetest.Start(t, s)
	storetest.Ready(t, s)
	stop()
	if len(asides(t, dir)) != 1 {
		t.Fatalf("set aside: %v", asides(t, dir))
	}
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n++
		if info, err := d.Info(); err != nil || info.Sys().(*syscall.Stat_t).Uid != nobody {
			t.Errorf("%s is root's, %v", path, err)
		}
		return nil
	})
	if err != nil || n < 5 {
		t.Errorf("%d seen, %v", n, err)
	}
	asServant(t, dir).says("open")
}
