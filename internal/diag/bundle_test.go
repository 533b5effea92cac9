package diag

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A bundle is read by the standard library and by the tar of the system as by us.
func TestBundleIsATarOfOthersToo(t *testing.T) {
	want := map[string][]byte{"empty": {}, "one": []byte("1"), "block": bytes.Repeat([]byte("b"), tarBlock), "more": bytes.Repeat([]byte("m"), 3*tarBlock+1)}
	var out bytes.Buffer
	b := NewBundle(&out, "client", "v1")
	for name, body := range want {
		b.Add(name, body)
	}
	b.AddJSON("status.json", Status{}, nil)
	b.AddJSON("fsck.json", nil, errors.New("locked"))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	m, files, err := ReadBundle(bytes.NewReader(out.Bytes()))
	if err != nil || m.Missing["fsck.json"] != "locked" || len(m.Files) != 5 || m.Program != "v1" {
		t.Fatalf("%+v, %v", m, err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for foreign := tar.NewReader(zip); ; seen++ {
		h, err := foreign.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(foreign)
		if err != nil || !bytes.Equal(body, files[h.Name]) || h.Mode != 0o600 || h.ModTime.Unix() != m.At.Unix() || h.Typeflag != tar.TypeReg {
			t.Errorf("%+v: %v", h, err)
		}
		if w, is := want[h.Name]; is && !bytes.Equal(body, w) {
			t.Errorf("%s has %d bytes", h.Name, len(body))
		}
	}
	if seen != 6 {
		t.Errorf("%d files", seen)
	}
	gnu, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar on this machine")
	}
	cmd := exec.Command(gnu, "-xzOf", "-", "more")
	cmd.Stdin = bytes.NewReader(out.Bytes())
	if got, err := cmd.CombinedOutput(); err != nil || !bytes.Equal(got, want["more"]) {
		t.Errorf("tar: %v: %.200s", err, got)
	}
}

func TestBundleIsBounded(t *testing.T) {
	var out bytes.Buffer
	b := NewBundle(&out, "agent", "v1")
	for _, name := range strings.Split("abcdefghijkl", "") {
		b.Add(name, make([]byte, maxBundleFile+10))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	m, files, err := ReadBundle(&out)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, body := range files {
		total += len(body)
	}
	if total > maxBundle+1<<16 || m.Files[0].Cut != 10 || m.Files[11].Cut != maxBundleFile+10 {
		t.Errorf("%d bytes, %+v", total, m.Files)
	}
}

func TestWhatIsNoBundle(t *testing.T) {
	var out bytes.Buffer
	b := NewBundle(&out, "agent", "v1")
	b.Add("a", []byte("x"))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	whole := out.Bytes()
	for n := range whole {
		if _, _, err := ReadBundle(bytes.NewReader(whole[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes pass for a bundle", n, len(whole))
		}
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(make([]byte, 4*tarBlock))
	_ = zip.Close()
	if _, _, err := ReadBundle(&packed); err == nil {
		t.Error("an empty archive passes for a bundle")
	}
}

func FuzzReadTar(f *testing.F) {
	var out bytes.Buffer
	_ = writeTar(&out, "name", []byte("body"), time.Unix(0, 0))
	_ = endTar(&out)
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		_ = readTar(bytes.NewReader(b), 1<<16, func(_ string, body []byte) { total += len(body) })
		if total > 1<<16 {
			t.Errorf("%d bytes", total)
		}
	})
}

// A bundle that broke off on the way is an error, and so is one that failed.
func TestBundleOverTheSocket(t *testing.T) {
	good := func(_ context.Context, w io.Writer) error {
		b := NewBundle(w, "agent", "v1")
		b.Add("a", []byte("x"))
		return b.Close()
	}
	path := serve(t, ServerOptions{Provider: Provider{Bundle: good}})
	var out bytes.Buffer
	if err := NewClient(path).Bundle(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if _, files, err := ReadBundle(&out); err != nil || string(files["a"]) != "x" {
		t.Errorf("%v, %v", files, err)
	}
	path = serve(t, ServerOptions{Provider: Provider{Bundle: func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "the beginning")
		return hintedFault{errors.New("the card is gone")}
	}}})
	if err := NewClient(path).Bundle(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "the card is gone") {
		t.Errorf("got %v", err)
	}
}
