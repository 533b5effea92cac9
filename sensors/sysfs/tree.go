package sysfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fieldpost/sensors"
)

// maxFile bounds what is read of any file.
const maxFile = 64 << 10

// Tree is a file system with proc and sys in it, by its root; "/" is that of the
// running kernel. The names of its files have slashes and start below the root.
type Tree string

// Read returns the trimmed text of a file; false when there is no such file. A
// file that is there and cannot be read gives empty text.
func (t Tree) Read(name string) (string, bool) {
	f, err := os.Open(t.path(name))
	if err != nil {
		return "", !errors.Is(err, os.ErrNotExist)
	}
	defer f.Close()
	// Attributes are a page at most, and most of what is read has less than a line: it
	// fits on the stack.
	var page [4096]byte
	n := 0
	for n < len(page) && err == nil {
		var m int
		m, err = f.Read(page[n:])
		n += m
	}
	var rest []byte
	if err == nil {
		rest, err = io.ReadAll(io.LimitReader(f, maxFile-int64(n)))
	} else if err == io.EOF {
		err = nil
	}
	if err != nil {
		return "", true
	}
	return strings.TrimSpace(string(page[:n]) + string(rest)), true
}

// List returns the entries of a folder, sorted by name.
func (t Tree) List(name string) []string {
	entries, err := os.ReadDir(t.path(name))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Link returns the last part of what a link points to, or "".
func (t Tree) Link(name string) string {
	to, err := os.Readlink(t.path(name))
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

func (t Tree) path(name string) string {
	return filepath.Join(string(t), filepath.FromSlash(name))
}

// Scaled reads a whole number in a fraction of the unit.
func Scaled(name, unit, text string, per float64) sensors.Value {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return Unreadable(name, unit)
	}
	return sensors.Value{Name: name, Unit: unit, Num: float64(n) / per}
}

// Number reads a number.
func Number(name, unit, text string) sensors.Value {
	num, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Unreadable(name, unit)
	}
	return sensors.Value{Name: name, Unit: unit, Num: num}
}

// Unreadable is a value that is there and cannot be read.
func Unreadable(name, unit string) sensors.Value {
	return sensors.Value{Name: name, Unit: unit, Quality: sensors.Bad, Reason: "unreadable"}
}

// Key makes a name for a message body of what the kernel calls a thing.
func Key(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '_'
		}
	}, text)
}
