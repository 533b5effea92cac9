package hub

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// readFile returns the content of dir/name, or nil when there is no such file or
// no directory at all.
func readFile(dir, name string) ([]byte, error) {
	if dir == "" {
		return nil, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &DirError{Path: dir, Err: err}
	}
	return data, nil
}

// writeFile puts data into dir/name as replaceFile does. Without a directory it
// does nothing.
func writeFile(dir, name string, data []byte) error {
	if dir == "" {
		return nil
	}
	return replaceFile(dir, name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// replaceFile puts what write writes into dir/name in one step, readable by the
// owner alone. After a crash the file has the old or the new content.
func replaceFile(dir, name string, write func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = &DirError{Path: dir, Err: err}
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, name+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}
