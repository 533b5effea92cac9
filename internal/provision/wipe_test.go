package provision

import (
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

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
