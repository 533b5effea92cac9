package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"fieldpost/internal/keep"
)

const (
	// filePage is the page size of the file. It is fixed: bbolt would take the
	// kernel's, 16 KiB on some boards, and every commit would write four times as
	// much. Below 4 KiB both meta pages share a block of the file system.
	filePage = 4096
	// maxFile bounds the mapping: a 32-bit process has no room for more, and bbolt
	// grows a file beyond 2 GiB into one that can never be opened there again.
	maxFile = 512 << 20 << (bits.UintSize / 64)
)

var (
	bucketMeta    = []byte("meta")
	bucketBlocks  = []byte("blocks")
	bucketDead    = []byte("dead")
	bucketLedger  = []byte("ledger")
	bucketJournal = []byte("journal")
	bucketBoots   = []byte("boots")
	keyState      = []byte("meta")

	buckets = [][]byte{bucketMeta, bucketBlocks, bucketDead, bucketLedger, bucketJournal, bucketBoots}
)

// ErrLocked is why Run ends when another agent uses the same folder.
var ErrLocked = errors.New("locked by another process")

// disk is the open file. Every use of bbolt goes through update and view, which
// turn a panic or a fault of the mapping into an error.
type disk struct {
	db    *bolt.DB
	file  *os.File
	path  string
	wrote int64 // by the last commit, pages in bytes
	space
	loaded int  // bytes of blocks read since the last unload
	broken bool // a transaction ended in a panic: bbolt's locks are in no known state
}

// inPlace tells when the file is no longer the one at its path: what is written
// to a file without a name is gone with the process.
func (d *disk) inPlace() error {
	have, err := d.file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(d.path)
	switch {
	case err != nil:
		return fmt.Errorf("queue file was taken away: %w", err)
	case !os.SameFile(have, there):
		return fmt.Errorf("queue file %s was replaced", d.path)
	}
	return nil
}

// maxSize is the hard limit of the file for a logical limit: copy-on-write needs
// the room above it, and deletes must succeed in a full file.
func maxSize(maxBytes int64) int {
	return int(min(max(2*maxBytes, 16<<20), maxFile))
}

// maxLogical is the largest MaxBytes that maxFile leaves room for.
const maxLogical = maxFile * 6 / 10

// openDisk opens the file that lockFile has locked, walked first. It closes it when
// it fails.
func openDisk(ctx context.Context, path string, held *os.File, o Options, tell func(Progress)) (d *disk, err error) {
	info, err := held.Stat()
	if err == nil {
		err = preflight(ctx, held, info.Size(), tell)
	}
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return openBolt(path, held, o)
}

// locate follows a link in the place of the queue file: a queue may lie on another
// disk. One that leads nowhere, not even to a folder, is damaged; whether one does
// cannot be said when a folder on the way lets nobody through.
func locate(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return path, nil // what is wrong with it is met when it is opened
	}
	to, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrPermission) {
		return path, err
	}
	if err == nil {
		if info, err := os.Stat(to); err == nil && !info.Mode().IsRegular() {
			return path, damaged("it is a link to %s, not to a file", info.Mode().Type()) // which is not ours to move
		}
		return to, nil
	}
	if to, err := os.Readlink(path); err == nil && to != filepath.Base(path) {
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		_, there := os.Lstat(to)
		if dir, err := filepath.EvalSymlinks(filepath.Dir(to)); err == nil && errors.Is(there, fs.ErrNotExist) {
			return filepath.Join(dir, filepath.Base(to)), nil
		}
	}
	return path, damaged("it is a link that leads nowhere")
}

// lockFile opens path and takes its lock. A missing file is fs.ErrNotExist, and
// what is no file at all is damaged. A file whose mode forbids it is given the one
// it was made with.
func lockFile(path string, flag int) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, damaged("it is %s, not a file", info.Mode().Type())
	}
	f, err := os.OpenFile(path, os.O_RDWR|flag, 0o600)
	if errors.Is(err, fs.ErrPermission) && keep.Allow(path) {
		f, err = os.OpenFile(path, os.O_RDWR|flag, 0o600)
	}
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func openBolt(path string, f *os.File, o Options) (d *disk, err error) {
	d = &disk{file: f, path: path}
	defer func() {
		if err != nil {
			d.abandon()
			d = nil
		}
	}()
	err = guard(func() error {
		d.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout:        time.Second,
			PageSize:       filePage,
			NoFreelistSync: true,
			FreelistType:   bolt.FreelistMapType,
			MaxSize:        maxSize(o.MaxBytes),
			NoSync:         o.NoSync,
			OpenFile:       func(string, int, os.FileMode) (*os.File, error) { return f, nil },
		})
		return err
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return d, ErrLocked
	case isBoltDamage(err):
		return d, fmt.Errorf("%w: %w", errDamaged, err)
	case err != nil:
		return d, err
	}
	d.db.AllocSize = 1 << 20
	return d, d.view(func(tx *bolt.Tx) error {
		d.unload(tx)
		return nil
	})
}

func isBoltDamage(err error) bool {
	return errors.Is(err, berrors.ErrInvalid) || errors.Is(err, berrors.ErrVersionMismatch) || errors.Is(err, berrors.ErrChecksum)
}

// update runs fn in a transaction and commits it.
func (d *disk) update(fn func(*bolt.Tx) error) error {
	return d.guarded(func() error {
		tx, err := d.db.Begin(true)
		if err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("%w: %w", errCommit, err)
		}
		st := tx.Stats()
		d.wrote = st.GetPageAlloc() + filePage
		return nil
	})
}

// view runs fn in a read transaction. Nothing that fn keeps may point into it.
func (d *disk) view(fn func(*bolt.Tx) error) error {
	return d.guarded(func() error {
		tx, err := d.db.Begin(false)
		if err != nil {
			return err
		}
		return errors.Join(fn(tx), tx.Rollback())
	})
}

// unloadEvery is how many bytes of blocks may be read before the pages are given
// back.
const unloadEvery = 4 << 20

// read notes that n bytes of blocks were read in tx: who goes through the whole
// file would have all of it in memory.
func (d *disk) read(tx *bolt.Tx, n int) {
	if d.loaded += n; d.loaded >= unloadEvery {
		d.loaded = 0
		d.unload(tx)
	}
}

func (d *disk) guarded(fn func() error) error {
	if d.broken {
		return damaged("an earlier transaction failed")
	}
	err := guard(fn)
	d.broken = errors.Is(err, errPanic)
	if errors.Is(err, berrors.ErrIncompatibleValue) {
		// No key of ours is the name of a bucket below another: a flag has flipped.
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// errCommit marks an error after which the transaction may be on disk or not: only
// the file can tell, when it is opened again.
var errCommit = errors.New("commit")

// errPanic marks what bbolt did not return but panic with.
var errPanic = fmt.Errorf("%w: panic", errDamaged)

// guard turns a panic of fn, and a fault of the memory mapping under it, into an
// error. It does so for this goroutine only.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return fn()
}

// size is the length of the file, 0 when unknown.
func (d *disk) size() int64 {
	info, err := d.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// close closes the file. The caller has written the clean mark with the freelist.
func (d *disk) close() error {
	if d.broken {
		d.abandon()
		return nil
	}
	return guard(d.db.Close)
}

// abandon lets go of the file and its lock without touching bbolt, whose own
// locks may be held for ever. The mapping stays until the process ends.
func (d *disk) abandon() {
	if d.db != nil && !d.broken {
		if err := guard(d.db.Close); err == nil {
			return
		}
	}
	_ = d.file.Close() // it is closed already when bbolt failed to open it
}

func putJSON(b *bolt.Bucket, tag byte, k []byte, v any) error {
	j, err := sealJSON(tag, k, v)
	if err != nil {
		return err
	}
	return b.Put(k, j)
}
