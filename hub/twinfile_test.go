package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fill changes every section of a device's twin.
func fill(t *testing.T, h *Hub, id string) Twin {
	t.Helper()
	if _, err := h.UpdateTwin(id, TwinUpdate{Tags: []byte(`{"floor":3}`), Desired: []byte(`{"interval":60,"deep":{"a":[1.50,"x",null]}}`)}); err != nil {
		t.Fatal(err)
	}
	d := h.registry.lookup(id)
	d.twin.mu.Lock()
	reply := d.twin.report([]byte(`{"interval":30}`), nil)
	d.twin.mu.Unlock()
	if reply.status != 204 {
		t.Fatalf("report: %+v", reply)
	}
	tw, err := h.Twin(id)
	if err != nil {
		t.Fatal(err)
	}
	return tw
}

func twinOf(t *testing.T, h *Hub, id string) Twin {
	t.Helper()
	tw, err := h.Twin(id)
	if err != nil {
		t.Fatal(err)
	}
	return tw
}

// runOnce runs h and ends it.
func runOnce(t *testing.T, h *Hub) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDirKeepsTwins(t *testing.T) {
	dir := t.TempDir()
	first := openHub(t, Options{Dir: dir})
	for _, g := range []Registration{{DeviceID: "dev1"}, {DeviceID: "dev1", ModuleID: "m"}, {DeviceID: "dev2"}, {DeviceID: "dev3"}} {
		if _, err := first.Register(g); err != nil {
			t.Fatal(err)
		}
	}
	device, module := fill(t, first, "dev1"), fill(t, first, "dev1/m")
	fill(t, first, "dev2")
	fill(t, first, "dev3")
	runOnce(t, first)

	second := openHub(t, Options{Dir: dir})
	if again := twinOf(t, second, "dev1"); !reflect.DeepEqual(again, device) {
		t.Errorf("after a restart %+v\nbefore %+v", again, device)
	}
	if again := twinOf(t, second, "dev1/m"); !reflect.DeepEqual(again, module) {
		t.Errorf("after a restart %+v\nbefore %+v", again, module)
	}
	version, err := second.SetDesired("dev1", []byte(`{"interval":61}`))
	if err != nil || version != 3 {
		t.Errorf("the next change of desired has version %d, %v, want 3", version, err)
	}
	// A device that was removed has left nothing to its successor, whoever of the
	// two a hub was running for.
	for _, id := range []string{"dev2", "dev3"} {
		if err := second.RemoveDevice(id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := second.AddDevice("dev2"); err != nil {
		t.Fatal(err)
	}
	third := openHub(t, Options{Dir: dir}) // the second was killed: the file is the first one's
	if got := twinOf(t, third, "dev2"); got.Version != 1 || string(got.Tags) != "{}" {
		t.Errorf("the device of the same name has twin %+v", got)
	}
	if got := twinOf(t, third, "dev1"); !reflect.DeepEqual(got.Desired, device.Desired) {
		t.Errorf("twin after a kill %+v", got)
	}
	second.twins.close()
	text, err := os.ReadFile(filepath.Join(dir, twinsFile))
	if err != nil || bytes.Contains(text, []byte("dev2")) || bytes.Contains(text, []byte("dev3")) || bytes.Count(text, []byte("\n")) != 3 {
		t.Errorf("the file holds other twins than those of dev1, %v:\n%s", err, text)
	}
	if info, err := os.Stat(filepath.Join(dir, twinsFile)); err != nil {
		t.Error(err)
	} else if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
}

// A burst of changes is one write, about a second after its beginning.
func TestTwinsAreWrittenOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := openHub(t, Options{Dir: dir})
		defer h.close()
		if _, err := h.AddDevice("dev1"); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, twinsFile)
		kept := func() int64 {
			t.Helper()
			synctest.Wait()
			text, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return 0
			}
			var k keptTwin
			_, line, _ := bytes.Cut(text, []byte("\n"))
			if len(line) == 0 {
				return 0
			}
			if err != nil || json.Unmarshal(line, &k) != nil {
				t.Fatalf("%v: %s", err, text)
			}
			return k.Version
		}
		change := func() {
			t.Helper()
			if _, err := h.SetDesired("dev1", []byte(`{"n":1}`)); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			change()
			time.Sleep(twinsEvery / 20)
		}
		if v := kept(); v != 0 {
			t.Errorf("version %d is written already", v)
		}
		time.Sleep(twinsEvery / 2)
		if v := kept(); v != 11 {
			t.Errorf("version %d is written, want 11", v)
		}
		d := h.registry.lookup("dev1")
		d.twin.mu.Lock()
		d.twin.report([]byte(`{"n":1}`), nil)
		d.twin.mu.Unlock()
		time.Sleep(twinsEvery / 2)
		if v := kept(); v != 11 {
			t.Errorf("version %d is written already", v)
		}
		time.Sleep(twinsEvery)
		if v := kept(); v != 12 {
			t.Errorf("version %d is written, want 12", v)
		}
		if err := h.RemoveDevice("dev1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(twinsEvery)
		if v := kept(); v != 0 {
			t.Errorf("version %d of a device that was removed is still there", v)
		}
	})
}

// sharedLog is read while somebody writes it.
type sharedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *sharedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *sharedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A disk that takes nothing stops no change; it is told once, and written later.
func TestTwinsThatCannotBeWrittenAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		log := &sharedLog{}
		h := openHub(t, Options{Dir: dir, Log: slog.New(slog.NewTextHandler(log, nil))})
		defer h.close()
		if _, err := h.AddDevice("dev1"); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, twinsFile)
		if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
			t.Fatal(err)
		}
		fill(t, h, "dev1")
		time.Sleep(3*twinsRetry + twinsEvery/2)
		synctest.Wait()
		if n := strings.Count(log.String(), "twins cannot be kept"); n != 1 {
			t.Errorf("the failure is told %d times:\n%s", n, log.String())
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(twinsRetry)
		synctest.Wait()
		if _, err := os.ReadFile(path); err != nil || !strings.Contains(log.String(), "twins are kept again") {
			t.Errorf("%v:\n%s", err, log.String())
		}
		if left, err := filepath.Glob(path + ".*"); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

func TestDamagedTwinsAreSetAside(t *testing.T) {
	dir := t.TempDir()
	first := openHub(t, Options{Dir: dir})
	for _, id := range []string{"dev1", "dev2"} {
		if _, err := first.AddDevice(id); err != nil {
			t.Fatal(err)
		}
		fill(t, first, id)
	}
	runOnce(t, first)
	path := filepath.Join(dir, twinsFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	replaced := func(i int, old, new string) []byte {
		changed := append([][]byte(nil), lines...)
		changed[i] = bytes.Replace(lines[i], []byte(old), []byte(new), 1)
		if bytes.Equal(changed[i], lines[i]) {
			t.Fatalf("line %d has no %s: %s", i, old, lines[i])
		}
		return bytes.Join(changed, nil)
	}
	for name, c := range map[string]struct {
		content  []byte
		restored int
	}{
		"empty":              {nil, 0},
		"zeros":              {make([]byte, 4096), 0},
		"another version":    {replaced(0, "1", "2"), 0},
		"cut":                {whole[:len(whole)-20], 1},
		"text behind":        {append(bytes.Clone(whole), 'x'), 2},
		"no section":         {replaced(2, `"tags":`, `"bags":`), 1},
		"version of nothing": {replaced(2, `"version":`, `"version":-`), 1},
		"bad name":           {replaced(1, `"floor"`, `"$floor"`), 0},
		"not an object":      {replaced(1, `"values":{`, `"values":[{`), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			h := openHub(t, Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
			restored := 0
			for _, id := range []string{"dev1", "dev2"} {
				if twinOf(t, h, id).Version > 1 {
					restored++
				}
			}
			if restored != c.restored {
				t.Errorf("%d twins restored, want %d", restored, c.restored)
			}
			if aside, err := os.ReadFile(filepath.Join(dir, twinsAside)); err != nil || !bytes.Equal(aside, c.content) {
				t.Errorf("set aside: %q, %v", aside, err)
			}
			if !strings.Contains(log.String(), twinsAside) {
				t.Errorf("nothing is said of it: %s", log.String())
			}
			if n, err := openHub(t, Options{Dir: dir}).twins.read(); n != restored || err != nil {
				t.Errorf("the file begun in its place has %d twins, %v", n, err)
			}
		})
	}
	t.Run("a folder", func(t *testing.T) {
		if err := errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "full"), 0o700)); err != nil {
			t.Fatal(err)
		}
		h := openHub(t, Options{Dir: dir})
		fill(t, h, "dev1")
		runOnce(t, h)
		if twinOf(t, openHub(t, Options{Dir: dir}), "dev1").Version == 1 {
			t.Error("twins are not kept")
		}
	})
}
