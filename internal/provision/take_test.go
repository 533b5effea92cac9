package provision

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const secret = "SharedAccessKey=c2VjcmV0"

// rig is a boot partition and a folder to provision.
type rig struct {
	t     *testing.T
	boot  string
	to    Folder
	step  func(op, path string)
	extra []string
}

func newRig(t *testing.T) *rig {
	dir := t.TempDir()
	r := &rig{t: t, boot: filepath.Join(dir, "boot"), to: Folder(filepath.Join(dir, "perm", "fieldpost"))}
	if err := os.MkdirAll(r.from(), 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) from() string   { return filepath.Join(r.boot, "fieldpost") }
func (r *rig) report() string { return filepath.Join(r.boot, "error.txt") }

func (r *rig) give(files map[string]string) {
	r.t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(r.from(), name), []byte(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) take() (Result, error) {
	return Take(Options{From: r.from(), To: r.to, Report: r.report(), Extra: r.extra, Check: check, step: r.step})
}

func (r *rig) must(want Result) {
	r.t.Helper()
	if got, err := r.take(); err != nil || got != want {
		r.t.Fatalf("Take = %v, %v; want %v", got, err, want)
	}
}

// check wants each line `file = "name"` of the configuration to name a file that
// says good.
func check(path string) (named []string, faults []Fault) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, []Fault{{Text: err.Error()}}
	}
	for line := range strings.Lines(string(text)) {
		_, name, ok := strings.Cut(strings.TrimSpace(line), " = \"")
		if !ok {
			continue
		}
		file := filepath.Join(filepath.Dir(path), strings.TrimSuffix(name, `"`))
		named = append(named, file)
		if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, []byte("good")) {
			faults = append(faults, Fault{file + ": is not good", "make it good"})
		}
	}
	return named, faults
}

// inForce returns the files of the set in force.
func (r *rig) inForce() map[string]string {
	r.t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(string(r.to), linkName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(string(r.to), linkName, e.Name()))
		if err != nil {
			r.t.Fatal(err)
		}
		if !strings.HasPrefix(e.Name(), ".") {
			files[e.Name()] = string(b)
		}
	}
	return files
}

// clean demands that the source is empty, no report is there, and the folder
// holds one set and the link to it.
func (r *rig) clean() {
	r.t.Helper()
	if left, _ := os.ReadDir(r.from()); len(left) > 0 {
		r.t.Errorf("left on the boot partition: %v", left)
	}
	if _, err := os.Stat(r.report()); err == nil {
		r.t.Error("a report is left")
	}
	if left, _ := os.ReadDir(string(r.to)); len(left) != 2 {
		r.t.Errorf("left in the folder: %v", left)
	}
	if r.to.Unfinished() {
		r.t.Error("unfinished")
	}
}

var (
	first  = map[string]string{ConfigFile: "a = \"key\"\nb = \"ca\"\n", "key": "good " + secret + "1", "ca": "good ca"}
	second = map[string]string{"key": "good " + secret + "2"}
)

func both() map[string]string {
	all := maps.Clone(first)
	maps.Copy(all, second)
	return all
}

func TestTake(t *testing.T) {
	r := newRig(t)
	r.must(Nothing)
	if there, err := r.to.Provisioned(); there || err != nil {
		t.Errorf("provisioned with nothing: %t, %v", there, err)
	}
	r.give(first)
	r.must(Taken)
	r.clean()
	if got := r.inForce(); !maps.Equal(got, first) {
		t.Errorf("in force: %v", got)
	}
	for _, c := range []struct {
		path string
		mode fs.FileMode
	}{{"", 0o700}, {"current/", 0o700}, {"current/key", 0o600}} {
		info, err := os.Stat(filepath.Join(string(r.to), c.path))
		if err != nil || info.Mode().Perm() != c.mode {
			t.Errorf("%q: mode %v, %v; want %v", c.path, info.Mode(), err, c.mode)
		}
	}
	r.must(Nothing)
	r.give(second)
	r.must(Taken)
	r.clean()
	if got := r.inForce(); !maps.Equal(got, both()) {
		t.Errorf("in force: %v", got)
	}
	r.give(second)
	r.must(Same)
	r.clean()
}

func TestTakeGivesTheGroupWhatTheFolderGives(t *testing.T) {
	r := newRig(t)
	if err := os.MkdirAll(string(r.to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(string(r.to), 0o755); err != nil {
		t.Fatal(err)
	}
	r.give(first)
	r.must(Taken)
	if info, err := os.Stat(filepath.Join(string(r.to), "current/key")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTakeMakesAConfiguration(t *testing.T) {
	r := newRig(t)
	r.give(map[string]string{"connection-string": "good"})
	r.must(Taken)
	r.give(map[string]string{"hub-ca.pem": "good"})
	r.must(Taken)
	want := generated + "version = 1\n\n[hub]\nconnection_string_file = \"connection-string\"\nca_file = \"hub-ca.pem\"\n"
	if got := r.inForce()[ConfigFile]; got != want {
		t.Errorf("configuration:\n%s", got)
	}
	given := "c = \"connection-string\"\nh = \"hub-ca.pem\"\n"
	r.give(map[string]string{ConfigFile: given})
	r.must(Taken)
	r.give(map[string]string{"connection-string": "good, another"})
	r.must(Taken)
	if got := r.inForce()[ConfigFile]; got != given {
		t.Errorf("a given configuration became:\n%s", got)
	}
}

func TestTakeRefuses(t *testing.T) {
	r := newRig(t)
	r.give(first)
	r.must(Taken)
	for _, c := range []struct {
		give map[string]string
		want string
	}{
		{map[string]string{"key": "bad " + secret}, "key: is not good\nhint: make it good\n"},
		{map[string]string{"kye": "good"}, "kye: nothing in agent.toml names this file\nhint: "},
		{map[string]string{ConfigFile: "a = \"nothing\"\n"}, "nothing: is not good"},
		{map[string]string{"key": strings.Repeat("x", maxFile+1)}, "larger than 1024 KiB"},
	} {
		r.give(c.give)
		result, err := r.take()
		if err == nil || result != Nothing {
			t.Fatalf("%v: %v, %v", c.give, result, err)
		}
		told, err := os.ReadFile(r.report())
		if err != nil || !strings.Contains(string(told), c.want) || strings.Contains(string(told), secret) ||
			strings.Contains(string(told), string(r.to)) || !strings.Contains(string(told), "still in force") {
			t.Errorf("%v: told %v:\n%s", c.want, err, told)
		}
		if got := r.inForce(); !maps.Equal(got, first) {
			t.Errorf("in force after %q: %v", c.want, got)
		}
		for name := range c.give {
			if err := os.Remove(filepath.Join(r.from(), name)); err != nil {
				t.Errorf("%s was not left: %v", name, err)
			}
		}
	}
	r.must(Nothing)
	r.clean()
}

func TestTakeLeavesExtraFilesToOthers(t *testing.T) {
	r := newRig(t)
	r.extra = []string{"web-password"}
	r.give(first)
	r.give(map[string]string{"web-password": "x", "._agent.toml": "of a laptop"})
	r.must(Taken)
	if got := r.inForce(); got["web-password"] != "x" || len(got) != 4 {
		t.Errorf("in force: %v", got)
	}
}

// cut is what a power cut throws in these tests.
type cut struct{}

// TestTakeIsWholeAtEveryCut ends Take before each change of a disk, and looks at
// what is there: the old set or the new one is in force, whole, and the next Take
// completes it.
func TestTakeIsWholeAtEveryCut(t *testing.T) {
	for _, c := range []struct {
		name      string
		old, give map[string]string
		after     map[string]string
	}{
		{"first", nil, first, first},
		{"second", first, second, both()},
		{"same", first, map[string]string{"key": first["key"]}, first},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var cuts int
			for at := 1; ; at++ {
				r := newRig(t)
				if c.old != nil {
					r.give(c.old)
					r.must(Taken)
				}
				r.give(c.give)
				if !r.cutAt(at) {
					break
				}
				cuts++
				there, err := r.to.Provisioned()
				if err != nil {
					t.Fatalf("cut %d: %v", at, err)
				}
				switch got := r.inForce(); {
				case !there && c.old == nil && len(got) == 0:
				case maps.Equal(got, c.old), maps.Equal(got, c.after):
				default:
					t.Fatalf("cut %d: half a set: %v", at, got)
				}
				r.step = nil
				if _, err := r.take(); err != nil {
					t.Fatalf("cut %d: then %v", at, err)
				}
				if got := r.inForce(); !maps.Equal(got, c.after) {
					t.Errorf("cut %d: then in force: %v", at, got)
				}
				r.clean()
			}
			if cuts < 10 {
				t.Errorf("%d cuts only", cuts)
			}
			t.Logf("%d cuts", cuts)
		})
	}
}

// cutAt reports whether there was a step of that number to cut at. A wipe is cut
// in its middle: what has a sector of its own is zero, the rest is as it was.
func (r *rig) cutAt(at int) (was bool) {
	n := 0
	r.step = func(op, path string) {
		if n++; n < at {
			return
		}
		if op == "sync" && strings.HasPrefix(path, r.boot) {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				f, _ := os.OpenFile(path, os.O_RDWR, 0)
				_, _ = f.WriteAt([]byte("half"), info.Size()-4)
				_ = f.Close()
			}
		}
		panic(cut{})
	}
	defer func() {
		switch p := recover(); p {
		case nil:
		case cut{}:
			was = true
		default:
			panic(p)
		}
	}()
	if _, err := r.take(); err != nil {
		r.t.Fatal(err)
	}
	return false
}

// TestTakeSyncsBeforeItGoesOn holds the order that makes those cuts true on a disk
// that forgets what was not synced: all of a set before its link, the link before
// anything is wiped.
func TestTakeSyncsBeforeItGoesOn(t *testing.T) {
	r := newRig(t)
	r.give(first)
	unsynced := map[string]bool{}
	var linked, wiped bool
	r.step = func(op, path string) {
		switch op {
		case "write", "mkdir", "link":
			unsynced[path] = true
		case "sync":
			for p := range unsynced {
				if info, err := os.Stat(path); err == nil && info.IsDir() && filepath.Dir(p) == path {
					if i, err := os.Lstat(p); err != nil || !i.Mode().IsRegular() {
						delete(unsynced, p)
					}
				}
			}
			delete(unsynced, path)
		case "rename":
			if filepath.Base(path) == linkName {
				linked = true
				for p := range unsynced {
					if filepath.Base(p) != newName && filepath.Base(p) != newLink {
						t.Errorf("%s is not on the disk before the link", p)
					}
				}
				unsynced[path] = true
			}
		case "wipe":
			wiped = true
			if !linked || unsynced[filepath.Join(string(r.to), linkName)] {
				t.Errorf("%s is wiped before the link is on the disk", path)
			}
		}
	}
	r.must(Taken)
	if !linked || !wiped {
		t.Errorf("linked %t, wiped %t", linked, wiped)
	}
}

func TestTakeWipesLaterWhatItCannotWipeNow(t *testing.T) {
	r := newRig(t)
	r.give(first)
	away := filepath.Join(r.boot, "away")
	r.step = func(op, path string) {
		if op == "wipe" && filepath.Base(path) == "key" {
			if err := os.Rename(path, away); err != nil {
				t.Error(err)
			}
		}
	}
	_, err := r.take()
	var unwiped *UnwipedError
	if !errors.As(err, &unwiped) || !r.to.Unfinished() {
		t.Fatalf("error %v, unfinished %t", err, r.to.Unfinished())
	}
	if got := r.inForce(); !maps.Equal(got, first) {
		t.Errorf("in force: %v", got)
	}
	if told, err := os.ReadFile(r.report()); err != nil || !strings.Contains(string(told), "are in force, and could not be removed") {
		t.Errorf("told %v:\n%s", err, told)
	}
	r.step = nil
	if err := os.Rename(away, filepath.Join(r.from(), "key")); err != nil {
		t.Fatal(err)
	}
	r.must(Nothing)
	r.clean()
}

// What is there and cannot be read is not taken for nothing.
func TestUnreadableIsNotNothing(t *testing.T) {
	r := newRig(t)
	r.give(first)
	r.must(Taken)
	config := r.to.Config()
	if err := errors.Join(os.Remove(config), os.Symlink(ConfigFile, config)); err != nil { // a loop, which root cannot read either
		t.Fatal(err)
	}
	if there, err := r.to.Provisioned(); there || !errors.Is(err, syscall.ELOOP) {
		t.Errorf("provisioned: %t, %v", there, err)
	}
	r.give(map[string]string{"x": "good"})
	if _, err := r.take(); err == nil {
		t.Fatal("taken over what cannot be read")
	}
	text, err := os.ReadFile(r.report())
	if err != nil || !strings.Contains(string(text), "whether others are in force cannot be told: ") {
		t.Errorf("report %q, %v", text, err)
	}
}
