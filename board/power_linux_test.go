package board

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestMayReboot(t *testing.T) {
	dir := t.TempDir()
	status := func(caps string) string {
		path := filepath.Join(dir, "status")
		if err := os.WriteFile(path, []byte("Name:\tagent\nCapPrm:\t000001ffffffffff\nCapEff:\t"+caps+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	none := filepath.Join(dir, "none")
	for _, c := range []struct {
		systemd, caps string
		may           bool
	}{
		{dir, "0000000000000000", true},
		{none, "000001ffffffffff", true},
		{none, "0000000000400000", true},
		{none, "0000000000200000", false},
		{none, "0000000000000000", false},
		{none, "nonsense", false},
	} {
		err := mayReboot(c.systemd, status(c.caps))
		if (err == nil) != c.may || err != nil && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("systemd %v, capabilities %s: %v", c.systemd == dir, c.caps, err)
		}
	}
	var e *Error
	if err := mayReboot(none, none); !errors.As(err, &e) {
		t.Errorf("without /proc: %v", err)
	}
}

func TestOrder(t *testing.T) {
	if err := order("true"); err != nil {
		t.Errorf("true: %v", err)
	}
	if err := order("sh", "-c", "exit 3"); err == nil {
		t.Error("a program that fails went well")
	}
	if err := order("no-such-program"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// A supervisor that wants to be asked by a file is asked by nothing else.
func TestRebootAsksOne(t *testing.T) {
	dir := t.TempDir()
	file, none := filepath.Join(dir, "reboot"), filepath.Join(dir, "none")
	for _, c := range []struct {
		file, systemd, want string
	}{
		{file, dir, "file"},
		{file, none, "file"},
		{"", dir, "systemd"},
		{"", none, "kernel"},
		{filepath.Join(none, "reboot"), dir, "error"},
	} {
		got := ""
		by := func(who string) func() error { return func() error { got += who; return nil } }
		err := reboot(c.file, c.systemd, by("systemd"), by("kernel"))
		var e *Error
		if errors.As(err, &e) {
			got += "error"
		}
		if _, err := os.Stat(file); err == nil {
			got += "file"
			_ = os.Remove(file)
		}
		if got != c.want {
			t.Errorf("file %q, systemd %q: asked %q, want %q", c.file, c.systemd, got, c.want)
		}
	}
	t.Setenv(RebootFileVar, file)
	if err := Host().MayReboot(); err != nil {
		t.Errorf("may not: %v", err)
	}
}
