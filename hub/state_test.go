package hub

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

func openHub(t *testing.T, opts Options) *Hub {
	t.Helper()
	opts.Listen = "none"
	h, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestDirKeepsAuthorityDevicesAndKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	first := openHub(t, Options{Dir: dir})
	if _, err := first.AddDevice("dev1"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.AddDevice("dev2"); err != nil {
		t.Fatal(err)
	}
	if err := first.DisableDevice("dev2"); err != nil {
		t.Fatal(err)
	}
	second := openHub(t, Options{Dir: dir})
	if !bytes.Equal(first.CAPEM(), second.CAPEM()) {
		t.Error("another certificate authority after a restart")
	}
	if first.ServiceConnectionString() != second.ServiceConnectionString() {
		t.Error("another service key after a restart")
	}
	a, b := first.Devices(), second.Devices()
	if len(a) != 2 || len(b) != 2 || a[0] != b[0] || a[1] != b[1] || !b[1].Disabled {
		t.Errorf("devices %+v, after a restart %+v", a, b)
	}
	if first.registry.starts == second.registry.starts {
		t.Error("sequence numbers of two runs overlap")
	}
	if runtime.GOOS == "windows" {
		return
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
	if len(files) != 3 {
		t.Errorf("%d files, want 3", len(files))
	}
}

func TestDirThatCannotBeReadIsAnError(t *testing.T) {
	for name, content := range map[string]string{
		"no json":     "{",
		"version":     `{"version": 9}`,
		"device key":  `{"version": 1, "devices": [{"deviceId": "d", "primaryKey": "*"}]}`,
		"policy key":  `{"version": 1, "policies": {"service": {"primaryKey": "*"}}}`,
		"bad device":  `{"version": 1, "devices": [{"deviceId": "a b"}]}`,
		"no map here": `[]`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{Listen: "none", Dir: dir}); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestAddDevice(t *testing.T) {
	h := openHub(t, Options{})
	first, err := h.AddDevice("dev1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.AddDevice("dev1")
	if !errors.Is(err, ErrDeviceExists) || again != first {
		t.Errorf("second AddDevice: %+v, %v", again, err)
	}
	if err := h.RemoveDevice("dev1"); err != nil {
		t.Fatal(err)
	}
	if err := h.RemoveDevice("dev1"); !errors.Is(err, ErrDeviceNotFound) {
		t.Errorf("second RemoveDevice: %v", err)
	}
	back, err := h.AddDevice("dev1")
	if err != nil {
		t.Fatal(err)
	}
	if back.GenerationID == first.GenerationID || back.PrimaryKey == first.PrimaryKey {
		t.Error("a device added again is the same as before")
	}
	if _, err := strconv.ParseUint(back.GenerationID, 10, 64); err != nil {
		t.Errorf("generation id %q is not of digits", back.GenerationID)
	}
	for _, bad := range []string{"", "a b", "a/b", "ä", string(make([]byte, 129))} {
		if _, err := h.AddDevice(bad); err == nil {
			t.Errorf("device id %q accepted", bad)
		}
	}
}
