package diag

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// What is shown of the end of a history and of a log.
const (
	lastChanges = 10
	lastLines   = 5
)

// WriteBundle prints what a bundle says: the chain with its first broken part,
// what happened last, and what is in it.
func WriteBundle(w io.Writer, m Manifest, files map[string][]byte) error {
	p := new(page)
	p.line("made %s by the %s, version %s", moment(m.At), clean(m.MadeBy), clean(m.Program))
	var s Status
	if json.Unmarshal(files["status.json"], &s) == nil && len(s.Chain) > 0 {
		if err := WriteStatus(p, s); err != nil {
			return err
		}
	}
	var h History
	if json.Unmarshal(files["history.json"], &h) == nil && len(h.Changes) > 0 {
		p.line("changed last:")
		for _, c := range h.Changes[max(0, len(h.Changes)-lastChanges):] {
			p.line("  %s  %s", moment(c.At), clean(c.text()))
		}
	}
	var warned []string
	for line := range strings.Lines(string(files["log.txt"])) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			warned = append(warned, line)
		}
	}
	if len(warned) > 0 {
		p.line("warned last:")
		for _, line := range warned[max(0, len(warned)-lastLines):] {
			p.line("  %s", clean(strings.TrimSpace(line)))
		}
	}
	p.line("files:")
	var rows [][]string
	for _, f := range m.Files {
		cut := ""
		if f.Cut > 0 {
			cut = volume(int64(f.Cut)) + " left out"
		}
		rows = append(rows, []string{clean(f.Name), volume(int64(f.Bytes)), cut})
	}
	p.table("  ", rows)
	if len(m.Missing) > 0 {
		p.line("missing:")
		for _, name := range slices.Sorted(maps.Keys(m.Missing)) {
			p.line("  %s: %s", clean(name), clean(m.Missing[name]))
		}
	}
	return p.to(w)
}

// WriteBundleFile copies one file of a bundle.
func WriteBundleFile(w io.Writer, files map[string][]byte, name string) error {
	body, there := files[name]
	if !there {
		return hinted{fmt.Errorf("no file %q in it", clean(name)), "agent bundle show FILE lists them"}
	}
	_, err := w.Write(body)
	return err
}
