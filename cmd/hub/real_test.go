package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealHub runs the tools of a service, by connection string, on the hub that
// FIELDPOST_HUB_FILE names: JSON with its service connection string, and its
// authority unless the system knows it. They take nothing and leave nothing
// behind: feedback is not read, and no device is called that exists.
func TestRealHub(t *testing.T) {
	path := os.Getenv("FIELDPOST_HUB_FILE")
	if path == "" {
		t.Skip("FIELDPOST_HUB_FILE names no hub")
	}
	file, err := readHubFile(path)
	if err != nil {
		t.Fatal(err)
	}
	connection := filepath.Join(t.TempDir(), "service")
	if err := os.WriteFile(connection, []byte(file.Service), 0o600); err != nil {
		t.Fatal(err)
	}
	hub := []string{"--connection-file", connection}
	if file.CA != "" {
		ca := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, []byte(file.CA), 0o600); err != nil {
			t.Fatal(err)
		}
		hub = append(hub, "--ca", ca)
	}
	https := hub
	if file.REST != "" {
		https = append(hub[:len(hub):len(hub)], "--rest", file.REST)
	}
	nobody := []string{"--device", "nobody-" + rand.Text()}
	for _, c := range []struct {
		name  string
		hub   []string
		flags []string
		code  int
		hint  string
	}{
		{"events", hub, []string{"--timeout", "2s"}, exitOK, ""},
		{"events", hub, []string{"--timeout", "2s", "--from", "1m", "--json"}, exitOK, ""},
		{"events", hub, []string{"--timeout", "30s", "--consumer-group", "no-such-group-" + strings.ToLower(rand.Text())[:8]}, exitFailure, "consumer group"},
		{"send", hub, append(nobody, "--command", "ping"), exitFailure, "no such device"},
		{"twin", https, append([]string{"get"}, nobody...), exitFailure, "no such device"},
		{"method", https, append(nobody, "--name", "ping"), exitFailure, "no such device"},
		{"purge", https, nobody, exitFailure, "no such device"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
		var out, errs bytes.Buffer
		args := append(append([]string{c.name}, c.flags...), c.hub...)
		code := run(ctx, args, strings.NewReader(""), &out, &errs)
		cancel()
		if code != c.code || !strings.Contains(errs.String(), c.hint) {
			t.Errorf("hub %s %s: exit code %d, want %d and a hint about %q\n%s%s", c.name, c.flags, code, c.code, c.hint, out.String(), errs.String())
		}
	}
}
