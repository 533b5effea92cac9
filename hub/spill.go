package hub

import (
	"errors"
	"fmt"
	"os"
)

// maxSpillFile is how large a file of spilled segments grows before the next one
// is begun, in bytes.
const maxSpillFile = 16 << 20

// spiller keeps the segments of one partition that no longer fit into memory. It
// is guarded by partition.mu.
type spiller struct {
	dir   string // "" when nothing is spilled
	limit int64  // of all files, bytes
	used  int64
	file  *spillFile // the one that grows
}

// spillFile holds segments one behind the other. It goes with its last segment.
type spillFile struct {
	f    *os.File
	size int64
	live int    // segments still wanted
	path string // to be removed at the end; "" when the name is gone already
}

// spilled is the place of a segment in a file.
type spilled struct {
	file *spillFile
	at   int64
	size int
}

// checkSpillDir fails where nothing can be spilled to.
func checkSpillDir(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("folder to spill the log to: %w", err)
	case !info.IsDir():
		return fmt.Errorf("folder to spill the log to: %s is a file", dir)
	}
	return nil
}

// put writes data.
func (s *spiller) put(data []byte) (spilled, error) {
	if s.file == nil || s.file.size+int64(len(data)) > min(maxSpillFile, s.limit/4) && s.file.size > 0 {
		if err := s.next(); err != nil {
			return spilled{}, err
		}
	}
	file := s.file
	if _, err := file.f.WriteAt(data, file.size); err != nil {
		return spilled{}, fmt.Errorf("spill the log to %s: %w", s.dir, err)
	}
	at := spilled{file: file, at: file.size, size: len(data)}
	file.size += int64(len(data))
	file.live++
	s.used += int64(len(data))
	return at, nil
}

// next begins a file.
func (s *spiller) next() error {
	f, err := os.CreateTemp(s.dir, "hub-log-*")
	if err != nil {
		return fmt.Errorf("spill the log: %w", err)
	}
	s.file = &spillFile{f: f}
	// Without a name the file cannot outlive the process. Windows keeps the name of
	// an open file.
	if err := os.Remove(f.Name()); err != nil {
		s.file.path = f.Name()
	}
	return nil
}

// drop forgets a segment. The disk gets its bytes back with the last segment of
// the file.
func (s *spiller) drop(at spilled) error {
	at.file.live--
	if at.file.live > 0 {
		return nil
	}
	if at.file == s.file {
		s.file = nil
	}
	s.used -= at.file.size
	return at.file.close()
}

// read returns the bytes of the segment.
func (s spilled) read() ([]byte, error) {
	data := make([]byte, s.size)
	if _, err := s.file.f.ReadAt(data, s.at); err != nil {
		return nil, fmt.Errorf("read the spilled log: %w", err)
	}
	return data, nil
}

func (f *spillFile) close() error {
	err := f.f.Close()
	if f.path != "" {
		err = errors.Join(err, os.Remove(f.path))
	}
	return err
}
