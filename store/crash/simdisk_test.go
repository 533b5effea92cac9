//go:build linux && proof

package crash

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sector is what a device writes whole or not at all, in bytes.
const sector = 512

// simdisk is a file system of which is known, at every event of a trace, what the
// device must have and what it may have. It promises no more than this:
//
//   - fsync and fdatasync of a file make durable what was written to that file, and
//     its size, before they began; nothing else.
//   - fsync of a folder makes the names durable that were changed before it began.
//     Names reach the device in the order they were changed; a rename is whole or not.
//   - What is not durable may be there or not, sector by sector, in any order; so may
//     the size, in its own order.
type simdisk struct {
	names   map[string]*node // as the process sees them; "." is the root
	durable map[string]*node // as the device must have them
	pending []naming
	at      map[string]int64 // position of each descriptor opened for writing only
}

type node struct {
	folder bool
	disk   []byte // as the device must have it
	ops    []op   // since
}

// op is one write to a file, or a change of its size.
type op struct {
	at   int // line of the trace
	off  int64
	data []byte // nil = size becomes off
}

// naming is one change of names.
type naming struct {
	at       int
	path, to string
	made     *node // gets the name path; nil = path is removed, or moved to to
}

// newSimdisk is a disk with what lies in the folder, all of it durable.
func newSimdisk(root string) (*simdisk, error) {
	d := &simdisk{names: make(map[string]*node), at: make(map[string]int64)}
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		n := &node{folder: info.IsDir()}
		if !n.folder {
			n.disk, err = os.ReadFile(path)
		}
		d.names[rel] = n
		return err
	})
	d.durable = maps.Clone(d.names)
	return d, err
}

func (n naming) apply(names map[string]*node) {
	switch {
	case n.made != nil:
		names[n.path] = n.made
	case n.to == "":
		delete(names, n.path)
	default:
		for _, p := range slices.Collect(maps.Keys(names)) {
			if rest, ok := strings.CutPrefix(p, n.path); ok && (rest == "" || rest[0] == '/') {
				names[n.to+rest] = names[p]
				delete(names, p)
			}
		}
	}
}

func (d *simdisk) name(n naming) {
	n.apply(d.names)
	d.pending = append(d.pending, n)
}

func (o op) apply(b []byte) []byte {
	if o.data == nil {
		return resize(b, o.off)
	}
	if end := o.off + int64(len(o.data)); end > int64(len(b)) {
		b = resize(b, end)
	}
	copy(b[o.off:], o.data)
	return b
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// size is how large the process sees n.
func (n *node) size() int64 {
	size := int64(len(n.disk))
	for _, o := range n.ops {
		if o.data == nil {
			size = o.off
		} else {
			size = max(size, o.off+int64(len(o.data)))
		}
	}
	return size
}

// do takes up one event. An unknown call is an error: the proof would be blind for it.
func (d *simdisk) do(e event) error {
	switch e.call {
	case "openat", "open", "creat":
		return d.open(e)
	case "write", "pwrite64":
		return d.write(e)
	case "ftruncate", "truncate", "ftruncate64", "truncate64":
		size, err := e.args[1].number()
		if err != nil {
			return err
		}
		return d.change(e, op{at: e.exit, off: size})
	case "fallocate":
		return d.fallocate(e)
	case "fsync", "fdatasync":
		return d.sync(e)
	case "mkdir", "mkdirat":
		d.name(naming{at: e.exit, path: e.paths()[0], made: &node{folder: true}})
	case "unlink", "unlinkat", "rmdir":
		d.name(naming{at: e.exit, path: e.paths()[0]})
	case "rename", "renameat", "renameat2":
		p := e.paths()
		if len(p) != 2 {
			return fmt.Errorf("rename of %q", p)
		}
		d.name(naming{at: e.exit, path: p[0], to: p[1]})
	case "link", "linkat":
		p := e.paths()
		if len(p) != 2 || d.names[p[0]] == nil {
			return fmt.Errorf("link of %q", p)
		}
		d.name(naming{at: e.exit, path: p[1], made: d.names[p[0]]})
	case "mmap", "mmap2":
		if strings.Contains(e.args[2].word, "PROT_WRITE") && strings.Contains(e.args[3].word, "MAP_SHARED") {
			return fmt.Errorf("mmap: %s is mapped for writing: stores to memory cannot be traced", e.paths())
		}
	default:
		return fmt.Errorf("%s of %q is not simulated", e.call, e.paths())
	}
	return nil
}

// paths are the paths below the root that e names.
func (e event) paths() (all []string) {
	for _, a := range e.args {
		if a.path != "" && !strings.HasPrefix(a.path, "/") {
			all = append(all, a.path)
		}
	}
	return all
}

func (d *simdisk) open(e event) error {
	flags := ""
	for _, a := range e.args {
		if strings.HasPrefix(a.word, "O_") {
			flags = a.word
		}
	}
	p := e.paths()[0]
	if strings.Contains(flags, "O_SYNC") || strings.Contains(flags, "O_DSYNC") || strings.Contains(flags, "O_TMPFILE") {
		return fmt.Errorf("open %s with %s is not simulated", p, flags)
	}
	n := d.names[p]
	delete(d.at, e.result)
	if strings.Contains(flags, "O_WRONLY") && !strings.Contains(flags, "O_APPEND") {
		d.at[e.result] = 0
	}
	switch {
	case n == nil && strings.Contains(flags, "O_CREAT"):
		d.name(naming{at: e.exit, path: p, made: &node{}})
	case n == nil:
		return fmt.Errorf("open %s: it does not exist", p)
	case strings.Contains(flags, "O_TRUNC"):
		return d.change(e, op{at: e.exit})
	}
	return nil
}

func (d *simdisk) write(e event) error {
	o := op{at: e.exit, data: e.args[1].text}
	if n, err := strconv.Atoi(e.result); err == nil {
		o.data = o.data[:min(n, len(o.data))]
	} else if e.result != "?" {
		return fmt.Errorf("%s of %d bytes to %s wrote %q", e.call, len(o.data), e.paths(), e.result)
	}
	if len(o.data) == 0 {
		return nil
	}
	if e.call == "pwrite64" {
		var err error
		if o.off, err = e.args[3].number(); err != nil {
			return err
		}
		return d.change(e, o)
	}
	at, ok := d.at[e.args[0].word]
	if !ok {
		return fmt.Errorf("write to %s, which is read too: where is not known", e.paths())
	}
	d.at[e.args[0].word] = at + int64(len(o.data))
	o.off = at
	return d.change(e, o)
}

func (d *simdisk) fallocate(e event) error {
	off, err1 := e.args[2].number()
	n, err2 := e.args[3].number()
	if err1 != nil || err2 != nil || e.args[1].word != "0" && e.args[1].word != "FALLOC_FL_KEEP_SIZE" {
		return fmt.Errorf("fallocate %v is not simulated", e.args)
	}
	if f := d.names[e.paths()[0]]; e.args[1].word == "0" && f != nil && off+n > f.size() {
		return d.change(e, op{at: e.exit, off: off + n})
	}
	return nil
}

// change adds o to the file e names. A file without a name cannot outlive the process.
func (d *simdisk) change(e event, o op) error {
	p := e.paths()[0]
	n := d.names[p]
	switch {
	case n == nil && strings.HasSuffix(p, "(deleted)"):
		return nil
	case n == nil || n.folder:
		return fmt.Errorf("%s of %s: it is no file", e.call, p)
	}
	n.ops = append(n.ops, o)
	return nil
}

func (d *simdisk) sync(e event) error {
	p := e.paths()[0]
	n := d.names[p]
	switch {
	case n == nil && strings.HasSuffix(p, "(deleted)"):
		return nil
	case n == nil:
		return fmt.Errorf("%s of %s: it does not exist", e.call, p)
	case n.folder:
		for len(d.pending) > 0 && d.pending[0].at < e.entry {
			d.pending[0].apply(d.durable)
			d.pending = d.pending[1:]
		}
	default:
		for len(n.ops) > 0 && n.ops[0].at < e.entry {
			n.disk = n.ops[0].apply(n.disk)
			n.ops = n.ops[1:]
		}
	}
	return nil
}
