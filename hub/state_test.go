package hub

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
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
	for _, g := range []Registration{
		{DeviceID: "dev0", ModuleID: "m"}, // before its device in no order but by name
		{DeviceID: "dev3", PrimaryThumbprint: strings.Repeat("ab", 20), SecondaryThumbprint: strings.Repeat("Cd:", 32)},
		{DeviceID: "dev4", Auth: AuthAuthority},
		{DeviceID: "dev0", ModuleID: "n", Auth: AuthAuthority},
	} {
		if g.ModuleID == "m" {
			if _, err := first.AddDevice("dev0"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := first.Register(g); err != nil {
			t.Fatal(err)
		}
	}
	second := openHub(t, Options{Dir: dir})
	if !bytes.Equal(first.CAPEM(), second.CAPEM()) {
		t.Error("another certificate authority after a restart")
	}
	if first.ServiceConnectionString() != second.ServiceConnectionString() {
		t.Error("another service key after a restart")
	}
	a, b := first.Devices(), second.Devices()
	a, b = append(a, first.Modules("dev0")...), append(b, second.Modules("dev0")...)
	if len(a) != 7 || !slices.Equal(a, b) || !b[2].Disabled || b[3].SecondaryThumbprint != strings.Repeat("CD", 32) {
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

// Nothing that an operator may mend by hand is written over.
func TestDirThatCannotBeReadIsAnError(t *testing.T) {
	sas := `"primaryKey": "AAAAAAAAAAAAAAAAAAAAAA==", "secondaryKey": "AAAAAAAAAAAAAAAAAAAAAA=="`
	for name, c := range map[string]struct {
		line    int
		content string
	}{
		"no json":     {1, "{"},
		"cut off":     {3, "{\"version\": 1,\n \"starts\": 3,\n"},
		"nothing":     {1, ""},
		"null":        {1, "null"},
		"no version":  {1, "{}"},
		"version":     {2, "{\n\"version\": 9}"},
		"a number":    {3, "{\"version\": 1, \"devices\": [\n {\n \"deviceId\": 7}]}"},
		"device key":  {2, "{\"version\": 1, \"devices\": [\n{\"deviceId\": \"d\", \"primaryKey\": \"*\"}]}"},
		"second key":  {3, "{\"version\": 1, \"devices\": [\n{\"deviceId\": \"d\", " + sas + "},\n{\"deviceId\": \"d2\", \"primaryKey\": \"*\"}]}"},
		"twice":       {4, "{\"version\": 1, \"devices\": [\n{\"deviceId\": \"d\", " + sas + "},\n\n{\"deviceId\": \"d\", " + sas + "}]}"},
		"policy key":  {2, "{\"version\": 1, \"policies\": {\n\"service\": {\"primaryKey\": \"*\"}}}"},
		"bad device":  {1, `{"version": 1, "devices": [{"deviceId": "a b"}]}`},
		"bad module":  {1, `{"version": 1, "devices": [{"deviceId": "d", "moduleId": "a b"}]}`},
		"no parent":   {1, `{"version": 1, "devices": [{"deviceId": "d", "moduleId": "m", "auth": "certificateAuthority"}]}`},
		"thumbprint":  {1, `{"version": 1, "devices": [{"deviceId": "d", "auth": "selfSigned", "primaryThumbprint": "00"}]}`},
		"bad auth":    {1, `{"version": 1, "devices": [{"deviceId": "d", "auth": "none"}]}`},
		"no map here": {1, `[]`},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, stateFile)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(Options{Listen: "none", Dir: dir})
		var fault *DirError
		if !errors.As(err, &fault) || fault.Path != path || fault.Line != c.line {
			t.Errorf("%s: %v, want line %d of %s", name, err, c.line, path)
		}
		if kept, err := os.ReadFile(path); err != nil || string(kept) != c.content {
			t.Errorf("%s: the file is %q now, %v", name, kept, err)
		}
	}
}

func TestAuthorityWithoutItsKeyIsAnError(t *testing.T) {
	dir := t.TempDir()
	openHub(t, Options{Dir: dir})
	path, key := filepath.Join(dir, AuthorityFile), filepath.Join(dir, authorityKeyFile)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func() error{func() error { return os.WriteFile(key, []byte("no key"), 0o600) }, func() error { return os.Remove(key) }} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		var fault *DirError
		if _, err := New(Options{Listen: "none", Dir: dir}); !errors.As(err, &fault) {
			t.Errorf("opened: %v", err)
		}
		if kept, err := os.ReadFile(path); err != nil || !slices.Equal(kept, before) {
			t.Errorf("the authority is written over: %v", err)
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

// What cannot be kept does not happen: the registry in memory is the one on disk.
func TestChangeThatCannotBeKeptDoesNotHappen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	h := openHub(t, Options{Dir: dir})
	for _, g := range []Registration{{DeviceID: "dev1"}, {DeviceID: "dev1", ModuleID: "m"}} {
		if _, err := h.Register(g); err != nil {
			t.Fatal(err)
		}
	}
	before := append(h.Devices(), h.Modules("dev1")...)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"add":        func() error { _, err := h.AddDevice("dev2"); return err },
		"add module": func() error { _, err := h.AddModule("dev1", "n"); return err },
		"remove":     func() error { return h.RemoveDevice("dev1") },
		"disable":    func() error { return h.DisableDevice("dev1") },
		"keys":       func() error { _, err := h.RegenerateKeys("dev1", SwapKeys); return err },
	} {
		if err := change(); err == nil || errors.Is(err, ErrDeviceNotFound) {
			t.Errorf("%s: %v, want the failure of the disk", name, err)
		}
		if after := append(h.Devices(), h.Modules("dev1")...); !slices.Equal(before, after) {
			t.Errorf("%s: registry is %+v, was %+v", name, after, before)
		}
	}
	if h.registry.devices["dev1"].removed.Load() {
		t.Error("the device counts as removed")
	}
}

func TestRegistrationThatMakesNoSense(t *testing.T) {
	h := openHub(t, Options{})
	short, err := ParseKey("AAECAwQFBgcICQoLDA0ODw==")
	if err != nil {
		t.Fatal(err)
	}
	print := strings.Repeat("0", 40)
	for name, g := range map[string]Registration{
		"no id":                   {},
		"bad module":              {DeviceID: "d", ModuleID: "a/b"},
		"unknown way":             {DeviceID: "d", Auth: "none"},
		"thumbprint of 39 digits": {DeviceID: "d", PrimaryThumbprint: print[1:]},
		"thumbprint of letters":   {DeviceID: "d", PrimaryThumbprint: strings.Repeat("x", 40)},
		"thumbprint with sas":     {DeviceID: "d", Auth: AuthSAS, PrimaryThumbprint: print},
		"thumbprint with ca":      {DeviceID: "d", Auth: AuthAuthority, SecondaryThumbprint: print},
		"no thumbprint":           {DeviceID: "d", Auth: AuthSelfSigned},
		"key with a certificate":  {DeviceID: "d", Auth: AuthAuthority, PrimaryKey: short},
	} {
		if _, err := h.Register(g); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
	d, err := h.Register(Registration{DeviceID: "d", SecondaryKey: short})
	if err != nil || d.SecondaryKey != short || d.PrimaryKey == (Key{}) || d.Auth != AuthSAS {
		t.Errorf("%+v, %v", d, err)
	}
	for _, bad := range []string{"", "AAEC", "*", strings.Repeat("AAEC", 22)} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("key %q accepted", bad)
		}
	}
}
