package provision

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"fieldpost/internal/keep"
)

// disk does what changes a disk, one step at a time.
type disk struct {
	step func(op, path string)
}

func (d *disk) begin(op, path string) {
	if d.step != nil {
		d.step(op, path)
	}
}

func (d *disk) makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	d.begin("mkdir", dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(dir))
}

// write makes a file whose content is on the disk when it returns.
func (d *disk) write(path string, data []byte, mode fs.FileMode) error {
	d.begin("write", path)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		d.begin("sync", path)
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// writeSet writes a set that belongs to the owner of the folder it is in.
func (d *disk) writeSet(to Folder, dir string, files []file) error {
	folderMode, fileMode, err := to.rights()
	if err != nil {
		return err
	}
	d.begin("mkdir", dir)
	if err := os.Mkdir(dir, folderMode); err != nil {
		return err
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := d.write(path, f.data, fileMode); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	// The folder goes last: what is in it cannot be exchanged until then.
	if err := keep.Give(string(to), append(paths, dir)...); err != nil {
		return &Error{err, "provision as root, or as the owner of " + string(to)}
	}
	return d.syncFolder(dir)
}

func (d *disk) rename(from, to string) error {
	d.begin("rename", to)
	return os.Rename(from, to)
}

func (d *disk) link(name, path string) error {
	d.begin("link", path)
	return os.Symlink(name, path)
}

func (d *disk) remove(path string) error {
	d.begin("remove", path)
	return os.Remove(path)
}

// wipe writes zeros over a file, in place, before it removes the name.
func (d *disk) wipe(path string) error {
	d.begin("wipe", path)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	if err == nil {
		d.begin("sync", path)
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return d.remove(path)
}

// removeSet wipes the files of a set that is not in force, and removes it. One
// that is not there is removed already.
func (d *disk) removeSet(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if err := d.wipe(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return d.remove(dir)
}

// syncFolder makes what was made, renamed or removed in dir survive a power cut.
func (d *disk) syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	d.begin("sync", dir)
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
