package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Replace writes a file beside path and renames it. With sync its content is on the
// disk before it takes the name; the name itself is not synced.
func Replace(path string, data []byte, sync bool) error {
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	Own(f)
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		_ = os.Remove(next)
	}
	return err
}

// Read reads a file. What is no file is an error: a pipe would never end.
func Read(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is %s, not a file", path, info.Mode().Type())
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrPermission) && Allow(path) {
		b, err = os.ReadFile(path)
	}
	return b, err
}

// Allow gives a file that is ours the mode it was made with, and tells whether it
// did: then only its mode can have been in the way.
func Allow(path string) bool { return os.Chmod(path, 0o600) == nil }

// Own gives a file that this process has just made to the owner of its folder.
func Own(f *os.File) {
	if uid, gid, ok := other(filepath.Dir(f.Name())); ok && os.Geteuid() == 0 {
		_ = f.Chown(uid, gid)
	}
}

// Folder makes a folder, and those above it that are missing, for their owner alone:
// that of the folder around them.
func Folder(dir string) error {
	var made []string
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, at)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		for _, at := range slices.Backward(made) {
			_ = Give(filepath.Dir(at), at)
		}
	}
	return nil
}

// Give makes paths belong to the owner and the group of a folder. Of a link itself
// is given, not what it leads to.
func Give(like string, paths ...string) error {
	uid, gid, ok := other(like)
	if !ok {
		return nil
	}
	for _, p := range paths {
		if err := os.Lchown(p, uid, gid); err != nil {
			return err
		}
	}
	return nil
}
