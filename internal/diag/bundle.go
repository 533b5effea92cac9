package diag

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// What a bundle may hold, in bytes before it is packed, and how long its making
// may take.
const (
	maxBundleFile = 2 << 20
	maxBundle     = 16 << 20
	bundleWithin  = time.Minute
)

// Manifest is manifest.json, the last file of a bundle.
type Manifest struct {
	Version int               `json:"version"` // of the wire types in it
	MadeBy  string            `json:"made_by"` // agent, or client: without a running agent
	Program string            `json:"program"` // version of the program that made it
	At      time.Time         `json:"at"`      // by the clock of that moment
	Files   []BundleFile      `json:"files"`
	Missing map[string]string `json:"missing,omitempty"` // what is not in it, and why
}

// BundleFile is one file of a bundle.
type BundleFile struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
	Cut   int    `json:"cut_bytes,omitempty"` // that were left out at its end
}

// Bundle writes everything a person far away wants to know: a tar archive, packed
// with gzip.
type Bundle struct {
	zip      *gzip.Writer
	manifest Manifest
	bytes    int
	err      error // of the writer
}

// NewBundle begins a bundle; Close ends it.
func NewBundle(w io.Writer, madeBy, program string) *Bundle {
	return &Bundle{zip: gzip.NewWriter(w), manifest: Manifest{Version: Version, MadeBy: madeBy, Program: program, At: time.Now().UTC(), Missing: map[string]string{}}}
}

// Add adds a file, or as much of it as fits.
func (b *Bundle) Add(name string, body []byte) {
	whole := len(body)
	body = body[:max(0, min(whole, maxBundleFile, maxBundle-b.bytes))]
	if b.err == nil {
		b.err = writeTar(b.zip, name, body, b.manifest.At)
	}
	b.bytes += len(body)
	b.manifest.Files = append(b.manifest.Files, BundleFile{name, len(body), whole - len(body)})
}

// AddJSON adds what was asked for, or why there is none.
func (b *Bundle) AddJSON(name string, v any, err error) {
	var body []byte
	if err == nil {
		body, err = json.MarshalIndent(v, "", "  ")
	}
	if err != nil {
		b.Missing(name, err.Error())
		return
	}
	b.Add(name, append(body, '\n'))
}

// Missing says what is not in the bundle.
func (b *Bundle) Missing(name, why string) { b.manifest.Missing[name] = why }

// Close writes the manifest. The error is the first of the writer.
func (b *Bundle) Close() error {
	body, err := json.MarshalIndent(b.manifest, "", "  ")
	if err == nil && b.err == nil {
		err = writeTar(b.zip, "manifest.json", append(body, '\n'), b.manifest.At)
	}
	if b.err == nil {
		b.err = err
	}
	if b.err == nil {
		b.err = endTar(b.zip)
	}
	if err := b.zip.Close(); b.err == nil {
		b.err = err
	}
	return b.err
}

// ReadBundle reads a bundle whole: its manifest, and the bodies by name.
func ReadBundle(r io.Reader) (m Manifest, files map[string][]byte, err error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return m, nil, errNoBundle
	}
	files = map[string][]byte{}
	if err := readTar(zip, maxBundle+maxBundleFile, func(name string, body []byte) { files[name] = body }); err != nil {
		return m, nil, err
	}
	// The sum of what was packed stands behind it all.
	if n, err := io.Copy(io.Discard, io.LimitReader(zip, maxBundle)); err != nil || n == maxBundle {
		return m, nil, errNoBundle
	}
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil || m.Version < 1 {
		return m, nil, errNoBundle
	}
	if m.Version > Version {
		return m, nil, fmt.Errorf("is of version %d, this program reads %d", m.Version, Version)
	}
	return m, files, nil
}
