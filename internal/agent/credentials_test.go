package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldpost/internal/config"
)

// A file is taken from the credentials when it is one, and from its own place otherwise.
func TestHandedOver(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"keys_connection-string": 0o400, "other_sas-token": 0o400, "device.pem": 0o400} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "keys_ca.pem"), 0o700); err != nil {
		t.Fatal(err)
	}
	hub := config.Hub{
		ConnectionStringFile: "/etc/fieldpost/keys/connection-string",
		SASTokenFile:         "/etc/fieldpost/keys/sas-token",
		CertificateFile:      "/etc/fieldpost/device.pem",
		CAFile:               "/etc/fieldpost/keys/ca.pem",
		Address:              "192.0.2.1:5671",
	}
	want := hub
	if got := handedOver(hub, ""); got != want {
		t.Errorf("without credentials: %+v", got)
	}
	want.ConnectionStringFile = filepath.Join(dir, "keys_connection-string")
	got := handedOver(hub, dir)
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if again := handedOver(got, dir); again != want {
		t.Errorf("what was handed over: %+v", again)
	}
}

// What only root may read is asked for where it can be had.
func TestForbiddenHint(t *testing.T) {
	forbidden := func() string { return newFault("hub.key_file", "hint", &fs.PathError{Err: fs.ErrPermission}).hint }
	t.Setenv(credentialsVar, "")
	alone := forbidden()
	t.Setenv(credentialsVar, t.TempDir())
	if under := forbidden(); alone == under || alone == "hint" || under == "hint" {
		t.Errorf("alone %q, under systemd %q", alone, under)
	}
	// Whoever asks as somebody else must not be sent to open the folder of keys first.
	if !strings.HasPrefix(alone, "ask again as root") {
		t.Errorf("alone %q", alone)
	}
	if other := newFault("hub.key_file", "hint", errors.New("empty")).hint; other != "hint" {
		t.Errorf("another fault: %q", other)
	}
}

// The agent reads its identity from what it was handed.
func TestAgentUsesCredentials(t *testing.T) {
	dir := t.TempDir()
	text := "HostName=hub.example;DeviceId=gw1;SharedAccessKey=a2V5"
	if err := os.WriteFile(filepath.Join(dir, "keys_connection-string"), []byte(text), 0o400); err != nil {
		t.Fatal(err)
	}
	t.Setenv(credentialsVar, dir)
	cfg := config.Default()
	cfg.Agent.StateDir = t.TempDir()
	cfg.Hub.ConnectionStringFile = "/nowhere/keys/connection-string"
	id, err := New(cfg, Parts{}).identity.read()
	if err != nil || id.DeviceID != "gw1" {
		t.Errorf("device %q, %v", id.DeviceID, err)
	}
	if cfg.Hub.ConnectionStringFile != "/nowhere/keys/connection-string" {
		t.Error("the caller's configuration was changed")
	}
}
