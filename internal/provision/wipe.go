package provision

import (
	"bytes"
	"os"
	"path/filepath"
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

// isTaken reports whether f is in such a list, whole or half wiped: files of text
// hold no zeros.
func isTaken(list []byte, f file) bool {
	return bytes.Contains(list, []byte(f.listed())) ||
		bytes.IndexByte(f.data, 0) >= 0 && bytes.Contains(list, []byte(between+f.name+"\n"))
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
	var fresh []file
	for _, f := range given {
		if !isTaken(list, f) {
			fresh = append(fresh, f)
		}
	}
	return fresh, nil
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
