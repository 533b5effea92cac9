package provision

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"
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
	return Take(r.t.Context(), Options{From: r.from(), To: r.to, Report: r.report(), Extra: r.extra, Text: anyText, Check: check, step: r.step})
}

func (r *rig) must(want Result) {
	r.t.Helper()
	if got, err := r.take(); err != nil || got != want {
		r.t.Fatalf("Take = %v, %v; want %v", got, err, want)
	}
}

// check wants each line `file = "name"` of the configuration to name a file that
// says good.
func check(dir string, config []byte) (named []string, faults []Fault) {
	for line := range strings.Lines(string(config)) {
		_, name, ok := strings.Cut(strings.TrimSpace(line), " = \"")
		if !ok {
			continue
		}
		file := filepath.Join(dir, strings.TrimSuffix(name, `"`))
		named = append(named, file)
		if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, []byte("good")) {
			faults = append(faults, Fault{file + ": is not good", "make it good"})
		}
	}
	return named, faults
}

// anyText takes everything for text.
func anyText([]byte) error { return nil }

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
	first  = map[string]string{ConfigFile: "a = \"key\"\nb = \"ca\"\n", "key": "good " + secret + "1", "ca": strings.Repeat("good ca\n", 3*sector/8)}
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

// Whatever cannot be one of a set's files is a fault of whoever gave it, and all are
// told at once.
func TestTakeRefusesWhatIsNoFile(t *testing.T) {
	r := newRig(t)
	r.give(first)
	r.give(map[string]string{"large": strings.Repeat("x", maxFile+1)})
	if err := os.Mkdir(filepath.Join(r.from(), "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range maxFiles {
		r.give(map[string]string{fmt.Sprintf("many-%d", i): ""})
	}
	_, err := r.take()
	var refused *Refused
	if !errors.As(err, &refused) || len(refused.Faults) != 3 {
		t.Fatalf("%v", err)
	}
	for i, want := range []string{"folder: not a regular file", "large: larger than 1024 KiB", "more than 32 files"} {
		if f := refused.Faults[i]; !strings.HasSuffix(f.Text, want) || f.Hint == "" {
			t.Errorf("fault %q, want %q", f, want)
		}
	}
}

// Laptops leave files of their own on a card, which nobody there sees.
func TestTakeLeavesWhatLaptopsLeave(t *testing.T) {
	r := newRig(t)
	r.give(first)
	strays := map[string]string{"desktop.ini": "", "Thumbs.db": "", "._key": "", ".DS_Store": ""}
	r.give(strays)
	if err := os.Mkdir(filepath.Join(r.from(), "System Volume Information"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.must(Taken)
	if got := r.inForce(); !maps.Equal(got, first) {
		t.Errorf("in force: %v", got)
	}
	r.must(Nothing)
	if left, _ := os.ReadDir(r.from()); len(left) != len(strays)+1 {
		t.Errorf("left: %v", left)
	}
}

// A report that cannot be written is told of beside what it is about.
func TestTakeTellsOfItsReport(t *testing.T) {
	r := newRig(t)
	r.give(map[string]string{"kye": ""})
	if err := os.Mkdir(r.report(), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := r.take()
	var refused *Refused
	faults := Faults(err)
	if !errors.As(err, &refused) || len(faults) != 2 || !strings.HasPrefix(faults[1].Text, "error.txt could not be brought up to date: ") {
		t.Errorf("told: %q", faults)
	}
}

// What this user may not do is told once, with the next move.
func TestFaultsOfRights(t *testing.T) {
	denied := fmt.Errorf("open x: %w", fs.ErrPermission)
	faults := Faults(Options{Report: "y"}.reported(denied, fmt.Errorf("open y: %w", fs.ErrPermission)))
	if len(faults) != 1 || faults[0].Text != denied.Error() || !strings.Contains(faults[0].Hint, "as root") {
		t.Errorf("told: %q", faults)
	}
}

// cut is what a power cut throws in these tests.
type cut struct{}

// sector is what a card writes whole, mostly.
const sector = 512

// torn are the ways in which a power cut may leave a file that is written over with
// zeros: no block of it is where it must be, and none must be whole.
var torn = []struct {
	name string
	left func(old []byte) []byte
}{
	{"all", func(old []byte) []byte { return make([]byte, len(old)) }},
	{"nothing", func(old []byte) []byte { return old }},
	{"the end is left", func(old []byte) []byte { return append(make([]byte, len(old)-4), old[len(old)-4:]...) }},
	{"the begin is left", func(old []byte) []byte { return append(slices.Clone(old[:4]), make([]byte, len(old)-4)...) }},
	{"every other sector", func(old []byte) []byte {
		left := slices.Clone(old)
		for i := range left {
			if i/sector%2 == 0 {
				left[i] = 0
			}
		}
		return left
	}},
	{"a hole", func(old []byte) []byte {
		left := slices.Clone(old)
		clear(left[len(left)/3 : len(left)/2])
		return left
	}},
}

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
		for _, tear := range torn {
			t.Run(c.name+"/"+tear.name, func(t *testing.T) {
				t.Parallel()
				var cuts int
				for at := 1; ; at++ {
					r := newRig(t)
					if c.old != nil {
						r.give(c.old)
						r.must(Taken)
					}
					r.give(c.give)
					if !r.cutAt(at, tear.left) {
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
}

// cutAt reports whether there was a step of that number to cut at. What a wipe has
// written is on the disk as left says, until it is synced; a name that was removed is
// there again, until its folder is synced.
func (r *rig) cutAt(at int, left func(old []byte) []byte) (was bool) {
	n := 0
	old := map[string][]byte{} // of the files that are being wiped, and those whose names were removed
	r.step = func(op, path string) {
		if n++; n < at {
			switch {
			case op == "wipe":
				old[path], _ = os.ReadFile(path)
			case op == "sync" && path == r.from():
				clear(old)
			}
			return
		}
		switch {
		case op == "sync" && old[path] != nil:
			r.leave(path, left(old[path]))
		case op == "sync" && path == r.from():
			for name := range old {
				r.leave(name, make([]byte, len(old[name])))
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

func (r *rig) leave(path string, data []byte) {
	r.t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		r.t.Error(err)
	}
}

// wide is a text as Windows calls Unicode.
func wide(text string, order interface {
	AppendUint16([]byte, uint16) []byte
}, mark bool) string {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// pending returns a rig whose first set is in force while the source is not wiped:
// power was cut just before.
func pending(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.give(first)
	r.step = func(op, _ string) {
		if op == "wipe" {
			panic(cut{})
		}
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = r.take()
	}()
	r.step = nil
	if !r.to.Unfinished() || !maps.Equal(r.inForce(), first) {
		t.Fatal("the first set is not in force, or its source is wiped")
	}
	return r
}

// While files of before are still to be wiped, one that is not what was taken with
// zeros in it is new, whatever it looks like: it is read, and told of when it is wrong.
func TestTakeWipesNothingThatIsNew(t *testing.T) {
	const renewed = "good " + secret + "9"
	key := first["key"]
	for name, text := range map[string]string{
		"as 16 bits":                       wide(renewed, binary.LittleEndian, true),
		"as 16 bits, big end first":        wide(renewed, binary.BigEndian, true),
		"as 16 bits, no mark":              wide(renewed, binary.LittleEndian, false),
		"as 16 bits, as long as the old":   wide(renewed, binary.LittleEndian, false)[:len(key)/2*2] + key[len(key)/2*2:],
		"the old as 16 bits":               wide(key, binary.LittleEndian, true),
		"the old and zeros":                key + "\x00\x00",
		"zeros of another length":          strings.Repeat("\x00", len(key)-1),
		"another with a zero, as long":     "x" + key[1:len(key)-1] + "\x00",
		"another name's content with zero": "\x00" + first["ca"][1:],
		"the old, cut short":               key[:len(key)-3],
		"empty":                            "",
	} {
		t.Run(name, func(t *testing.T) {
			r := pending(t)
			r.give(map[string]string{"key": text})
			result, err := r.take()
			var refused *Refused
			if strings.Contains(text, "good") {
				if result != Taken || err != nil || r.inForce()["key"] != text {
					t.Errorf("a good one: %v, %v, in force %q", result, err, r.inForce())
				}
				r.clean()
				return
			}
			if result != Nothing || !errors.As(err, &refused) {
				t.Errorf("%v, %v; want it refused", result, err)
			}
			if left, err := os.ReadFile(filepath.Join(r.from(), "key")); err != nil || string(left) != text {
				t.Errorf("at the source: %q, %v", left, err)
			}
			if !maps.Equal(r.inForce(), first) {
				t.Errorf("in force: %v", r.inForce())
			}
			if left, _ := os.ReadDir(r.from()); len(left) != 1 {
				t.Errorf("the others were not wiped: %v", left)
			}
		})
	}
}

// What is put beside files that are still to be wiped keeps none of them from it.
func TestTakeWipesBesideAnything(t *testing.T) {
	r := pending(t)
	if err := os.Mkdir(filepath.Join(r.from(), "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := r.take(); err == nil {
		t.Error("a folder was taken")
	}
	if left, _ := os.ReadDir(r.from()); len(left) != 1 || r.to.Unfinished() {
		t.Errorf("left %v, unfinished %t", left, r.to.Unfinished())
	}
}

// What could not be wiped yet is not forgotten when another set comes into force, and
// half wiped it is none of the new one.
func TestTakeKeepsInMindWhatItCouldNotWipe(t *testing.T) {
	r := pending(t)
	r.leave(filepath.Join(r.from(), "key"), torn[2].left([]byte(first["key"])))
	r.give(map[string]string{"ca": "good, another"})
	r.step = func(op, path string) {
		if op == "wipe" && path == filepath.Join(r.from(), ConfigFile) {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	}
	r.must(Taken)
	r.clean()
	if got := r.inForce(); got["key"] != first["key"] || got["ca"] != "good, another" {
		t.Errorf("in force: %v", got)
	}
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
