package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"fieldpost/hub"
)

// A hub with a folder has its authority there: clients need no other file.
func TestServeNamesItsAuthority(t *testing.T) {
	dir := t.TempDir()
	h, err := hub.New(hub.Options{Listen: "none", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(dir, hub.AuthorityFile))
	if err != nil || !bytes.Equal(kept, h.CAPEM()) {
		t.Errorf("the file is not the authority: %v", err)
	}
	for want, s := range map[string]serving{
		filepath.Join(dir, hub.AuthorityFile): {dir: dir},
		"other.pem":                           {dir: dir, caOut: "other.pem"},
		"not written":                         {dir: dir, cert: "cert.pem"},
		"--ca-out FILE":                       {},
	} {
		var out bytes.Buffer
		if err := s.print(&out, h, hubFile{}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
