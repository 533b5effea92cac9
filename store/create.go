package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	bolt "go.etcd.io/bbolt"

	"fieldpost/internal/keep"
)

// createDisk makes a fresh file under a temporary name. publish gives it its own
// when it is whole, so that a power cut leaves what was there or a complete file.
func createDisk(path string, o Options) (*disk, error) {
	tmp := path + ".new"
	if err := sweep(tmp); err != nil {
		return nil, err
	}
	f, err := lockFile(tmp, os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	keep.Own(f)
	d, err := openBolt(tmp, f, o)
	if err != nil {
		return nil, err
	}
	err = d.update(func(tx *bolt.Tx) error {
		for _, b := range buckets {
			if _, err := tx.CreateBucket(b); err != nil {
				return err
			}
		}
		fresh := persisted{Clean: true}
		return tx.Bucket(bucketMeta).Put(keyState, fresh.encode())
	})
	if err != nil {
		d.abandon()
		return nil, err
	}
	return d, nil
}

// sweep removes what an earlier attempt has left, whosever it is, unless somebody is
// at work on it.
func sweep(tmp string) error {
	if _, err := os.Lstat(tmp); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f, err := lockFile(tmp, 0)
	if errors.Is(err, ErrLocked) {
		return err
	}
	if err := closeHeld(f); err != nil {
		return err
	}
	return os.RemoveAll(tmp)
}

// publish gives the file its name. What was there is moved to corrupt-<n>/ beside
// it when aside is set. It lets go of d when it fails.
func (s *Store) publish(d *disk, path string, aside bool) (*disk, error) {
	if runtime.GOOS == "windows" { // an open file cannot be renamed there
		if err := d.close(); err != nil {
			return nil, err
		}
	}
	var errs []error
	if _, err := os.Lstat(path); aside && err == nil {
		errs = append(errs, quarantine(path))
	}
	if errs = append(errs, os.Rename(d.path, path)); errors.Join(errs...) != nil {
		d.abandon()
		return nil, errors.Join(errs...)
	}
	if err := syncDir(filepath.Dir(path), !s.o.NoSync); err != nil {
		d.abandon()
		return nil, err
	}
	if runtime.GOOS == "windows" {
		f, err := lockFile(path, 0)
		if err != nil {
			return nil, err
		}
		return openBolt(path, f, s.o)
	}
	d.path = path
	return d, nil
}
