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

func (o Options) takenPath() string {
	return filepath.Join(string(o.To), linkName, takenName)
}

// isTaken reports whether f is in such a list, whole or half wiped. The set in force
// has what it was.
func (o Options) isTaken(list []byte, f file) (bool, error) {
	if bytes.Contains(list, []byte(f.listed())) {
		return true, nil
	}
	if bytes.IndexByte(f.data, 0) < 0 || !bytes.Contains(list, []byte(between+f.name+"\n")) {
		return false, nil
	}
	kept, err := readFile(filepath.Join(string(o.To), linkName, f.name))
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

// fresh returns those of the files given that were not taken before.
func (o Options) fresh(given []file) (fresh []file, err error) {
	list, err := os.ReadFile(o.takenPath())
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, f := range given {
		was, err := o.isTaken(list, f)
		if err != nil {
			return nil, err
		}
		if !was {
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

// wipe does not mind what else a person has put there: that keeps no secret from
// being wiped.
func (o Options) wipe(d *disk, list []byte) error {
	files, _, err := readFolder(o.From)
	if err != nil {
		return err
	}
	var wiped bool
	for _, f := range files {
		was, err := o.isTaken(list, f)
		if err == nil && was {
			wiped = true
			err = d.wipe(filepath.Join(o.From, f.name))
		}
		if err != nil {
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
