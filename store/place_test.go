//go:build unix

package store_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// TestOtherThings: what is no file in the place of the queue is set aside as it is,
// without being opened.
func TestOtherThings(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"link to itself": func(path string) error { return os.Symlink("queue.db", path) },
		"link to a folder": func(path string) error {
			return errors.Join(os.Mkdir(path+".there", 0o700), os.Symlink("queue.db.there", path))
		},
		"pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"socket": func(path string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false)
			return l.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := store.Options{Dir: t.TempDir()}
			if err := put(filepath.Join(o.Dir, "queue.db")); err != nil {
				t.Skip(err)
			}
			starts(t, o)
			got, err := filepath.Glob(filepath.Join(o.Dir, "corrupt-*"))
			if err != nil || len(got) != 1 {
				t.Errorf("set aside: %v, %v", got, err)
			}
			if info, err := os.Lstat(filepath.Join(o.Dir, "queue.db")); err != nil || !info.Mode().IsRegular() {
				t.Errorf("in its place: %v, %v", info, err)
			}
		})
	}
}

// TestLinkedFile: a queue that lies elsewhere stays there, also when it is replaced.
func TestLinkedFile(t *testing.T) {
	elsewhere := t.TempDir()
	o := store.Options{Dir: t.TempDir()}
	link, there := filepath.Join(o.Dir, "queue.db"), filepath.Join(elsewhere, "there.db")
	if err := os.Symlink(there, link); err != nil {
		t.Skip(err)
	}
	for round := range 3 {
		s := store.New(o)
		stop := storetest.Start(t, s)
		storetest.Append(t, s, storetest.Rec(store.Telemetry, "x"))
		storetest.Flush(t, s)
		if n := s.Stats().PerClass[store.Telemetry].Queued; n != uint64(round+1) {
			t.Errorf("round %d: %d queued", round, n)
		}
		stop()
		if to, err := os.Readlink(link); err != nil || to != there {
			t.Errorf("round %d: the link leads to %q, %v", round, to, err)
		}
		if round == 1 {
			b, err := os.ReadFile(there)
			if err != nil {
				t.Fatal(err)
			}
			clear(b[:8192])
			if err := os.WriteFile(there, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := asides(t, elsewhere); len(got) != 1 || len(asides(t, o.Dir)) != 0 {
		t.Errorf("set aside: %v", got)
	}
}

// TestModeOfFile: a mode that forbids the owner to read is put right.
func TestModeOfFile(t *testing.T) {
	o := filled(t, 50, true)
	if err := os.Chmod(filepath.Join(o.Dir, "queue.db"), 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(filepath.Join(o.Dir, "queue.db")); err == nil {
		f.Close()
		t.Skip("modes do not bind this user; store/crash tries it without root's rights")
	}
	if got, _ := left(t, o); len(got) < 40 || len(asides(t, o.Dir)) != 0 {
		t.Errorf("%d records, set aside %v", len(got), asides(t, o.Dir))
	}
}
