package provision

import (
	"bytes"
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
