package provision

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// taken is the file of a set that lists what is to be wiped at the source, in the
// form of sha256sum(1).
func taken(given []file) file {
	var b strings.Builder
	for _, f := range given {
		b.WriteString(f.sum() + "  " + f.name + "\n")
	}
	return file{takenName, []byte(b.String())}
}

// isTaken reports whether f is in such a list, whole or half wiped: files of text
// hold no zeros.
func isTaken(list []byte, f file) bool {
	for line := range strings.Lines(string(list)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if ok && name == f.name {
			return sum == f.sum() || bytes.IndexByte(f.data, 0) >= 0
		}
	}
	return false
}

func (o Options) takenPath() string {
	return filepath.Join(string(o.To), linkName, takenName)
}

// fresh returns those files that are not of the set in force.
func (o Options) fresh(given []file) ([]file, error) {
	list, err := os.ReadFile(o.takenPath())
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return slices.DeleteFunc(given, func(f file) bool { return isTaken(list, f) }), nil
}

// finish wipes what the set in force was made from, and removes the sets before
// it. Whatever ended it the last time, it goes on there.
func (o Options) finish(d *disk) error {
	list, err := os.ReadFile(o.takenPath())
	if os.IsNotExist(err) {
		return nil
	}
	if err == nil {
		err = o.wipe(d, list)
	}
	if err == nil {
		err = o.tidy(d)
	}
	if err == nil {
		err = d.remove(o.takenPath())
	}
	if err == nil {
		err = d.syncFolder(filepath.Dir(o.takenPath()))
	}
	if err != nil {
		return &UnwipedError{o.From, err}
	}
	return nil
}

func (o Options) wipe(d *disk, list []byte) error {
	files, err := readFolder(o.From)
	if err != nil {
		return err
	}
	var wiped bool
	for _, f := range files {
		if !isTaken(list, f) {
			continue
		}
		wiped = true
		if err := d.wipe(filepath.Join(o.From, f.name)); err != nil {
			return err
		}
	}
	if !wiped {
		return nil
	}
	return d.syncFolder(o.From)
}

// wipeLater has files wiped that are in force already, now or at the next try.
func (o Options) wipeLater(d *disk, given []file) error {
	tmp := o.takenPath() + ".new"
	err := d.write(tmp, taken(given).data, 0o600)
	if err == nil {
		err = d.rename(tmp, o.takenPath())
	}
	if err == nil {
		err = d.syncFolder(filepath.Dir(tmp))
	}
	if err != nil {
		return &UnwipedError{o.From, err}
	}
	return o.finish(d)
}
