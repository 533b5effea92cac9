package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
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

func TestServeOnAPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var errs bytes.Buffer
	code := run(t.Context(), []string{"serve", "--listen", l.Addr().String()}, strings.NewReader(""), io.Discard, &errs)
	if code != exitFailure || !strings.Contains(errs.String(), "hint: another program listens there") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}
