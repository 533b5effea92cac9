package provision

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// taken is the file of a set that lists what is to be wiped at the source, in the
// form of sha256sum(1).
func taken(given []file) file {
	var list []byte
	for _, f := range given {
		list = append(list, f.listed()...)
	}
	return file{takenName, list}
}

func (o Options) takenPath() string {
	return filepath.Join(string(o.To), linkName, takenName)
}

// pending returns the lines of what is still to be wiped, by name.
func (o Options) pending() (map[string]string, error) {
	list, err := os.ReadFile(o.takenPath())
	if err != nil {
		return nil, err
	}
	pending := make(map[string]string)
	for line := range strings.Lines(string(list)) {
		if _, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), between); ok {
			pending[name] = line
		}
	}
	return pending, nil
}

// isTaken reports whether f, which has a line in the list, is what was taken, whole
// or half wiped. The set in force has what it was.
func (o Options) isTaken(line string, f file) (bool, error) {
	if f.listed() == line {
		return true, nil
	}
	if bytes.IndexByte(f.data, 0) < 0 {
		return false, nil
	}
	kept, err := readFile(filepath.Join(string(o.To), linkName, f.name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && halfWiped(f.data, kept), err
}

// halfWiped reports whether data is old with zeros in any places: a power cut
// leaves the blocks of a file in any order, and may tear one. Such a file has
// nothing that is not in force, so that nothing is lost with it whoever made it.
func halfWiped(data, old []byte) bool {
	if len(data) != len(old) {
		return false
	}
	for i, b := range data {
		if b != 0 && b != old[i] {
			return false
		}
	}
	return true
}

// split parts what was given into what is new and what was taken before.
func (o Options) split(given []file) (fresh, before []file, err error) {
	pending, err := o.pending()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for _, f := range given {
		was := false
		if line, listed := pending[f.name]; listed {
			if was, err = o.isTaken(line, f); err != nil {
				return nil, nil, err
			}
		}
		if was {
			before = append(before, f)
		} else {
			fresh = append(fresh, f)
		}
	}
	return fresh, before, nil
}

// finish wipes what the set in force was made from, and removes the sets before
// it. Whatever ended it the last time, it goes on there.
func (o Options) finish(d *disk) error {
	pending, err := o.pending()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = o.wipe(d, pending)
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

// wipe looks at the names in the list only: whatever else a person has put there
// does not keep a secret from being wiped.
func (o Options) wipe(d *disk, pending map[string]string) error {
	var wiped bool
	for _, name := range slices.Sorted(maps.Keys(pending)) {
		path := filepath.Join(o.From, name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case !info.Mode().IsRegular() || info.Size() > maxFile:
			continue
		}
		data, err := readFile(path)
		if err != nil {
			return err
		}
		was, err := o.isTaken(pending[name], file{name, data})
		if err != nil {
			return err
		}
		if !was {
			continue
		}
		wiped = true
		if err := d.wipe(path); err != nil {
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
