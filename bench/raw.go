package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// raw is the floor: readings as they are, one write and one fdatasync a group, and
// a cursor file for what was handed out. It detects no damage and frees no room.
type raw struct {
	log, cursor *os.File
	write, read int64
	batches     int
}

func openRaw(dir string, _ openOptions) (peer, error) { return newRaw(dir) }

func newRaw(dir string) (*raw, error) {
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	cursor, err := os.OpenFile(filepath.Join(dir, "cursor"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	r := &raw{log: log, cursor: cursor}
	if r.write, err = log.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	var b [8]byte
	if _, err := cursor.ReadAt(b[:], 0); err == nil {
		r.read = int64(binary.BigEndian.Uint64(b[:]))
	}
	return r, nil
}

// openInPlace is raw in a file whose blocks were written before, as a queue that
// uses its room again has them: the file system has nothing to allocate.
func openInPlace(dir string, o openOptions) (peer, error) {
	_, err := os.Stat(filepath.Join(dir, "log"))
	fresh := os.IsNotExist(err)
	r, err := newRaw(dir)
	if err != nil {
		return nil, err
	}
	if fresh {
		zeroes := make([]byte, 1<<20)
		for at := int64(0); at < o.room; at += int64(len(zeroes)) {
			if _, err := r.log.WriteAt(zeroes, at); err != nil {
				return nil, err
			}
		}
		if err := r.log.Sync(); err != nil {
			return nil, err
		}
	}
	r.write = r.read
	return r, nil
}

func (r *raw) enqueue(group [][]byte) error {
	var b []byte
	for _, m := range group {
		b = append(b, m...)
	}
	if _, err := r.log.WriteAt(b, r.write); err != nil {
		return err
	}
	r.write += int64(len(b))
	return syscall.Fdatasync(int(r.log.Fd()))
}

func (r *raw) drain(n int) error {
	buf := make([]byte, drainBatch*payloadBytes)
	for n > 0 {
		k := min(n, drainBatch)
		if _, err := r.log.ReadAt(buf[:k*payloadBytes], r.read); err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		r.read += int64(k * payloadBytes)
		n -= k
		if r.batches++; r.batches%drainCommit == 0 || n == 0 {
			if err := r.settle(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *raw) settle() error {
	if _, err := r.cursor.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(r.read)), 0); err != nil {
		return err
	}
	return syscall.Fdatasync(int(r.cursor.Fd()))
}

func (r *raw) close() error {
	if err := r.log.Close(); err != nil {
		return err
	}
	return r.cursor.Close()
}
