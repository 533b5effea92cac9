package store

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"fieldpost/internal/keep"
)

// identity is what makes an ID unlike any other: the store, drawn once per state
// folder, and the epoch, raised at every start.
type identity struct {
	store [8]byte
	epoch uint32
	queue bool // a queue file was made here: when there is none it is lost
	kept  bool // the file says so too
}

type identityFile struct {
	Store string `json:"store"` // 16 hex digits
	Epoch uint32 `json:"epoch"` // of the last start
	Queue *bool  `json:"queue"` // a queue file was made; null = not known
}

// nextIdentity reads DIR/identity, raises the epoch and writes it back. When the
// file cannot be read or written the identity is a fresh store with epoch 1, and
// note says why: an epoch that is not on disk could be given twice. A file that may
// not be read is as good as it was: it stays, for a start that may.
func nextIdentity(dir string, sync bool) (id identity, note error) {
	path := filepath.Join(dir, "identity")
	id, err := readIdentity(path)
	first := errors.Is(err, fs.ErrNotExist)
	switch {
	case err == nil && id.epoch < math.MaxUint32:
		id.epoch++
	case err == nil:
		id, note = freshIdentity(), errors.New("identity drawn anew: epochs used up")
		id.queue = true
	case errors.Is(err, fs.ErrPermission):
		id = freshIdentity()
		id.queue = true
		return id, fmt.Errorf("identity drawn for this start only: %w", err)
	default:
		id = freshIdentity()
		if !first {
			note = fmt.Errorf("identity drawn anew: %w", err)
		}
		have, _ := asides(dir)
		id.queue = !first || len(have) > 0
	}
	if werr := writeIdentity(path, id, sync); werr != nil {
		if err == nil {
			queue := id.queue
			id = freshIdentity()
			id.queue = queue
		}
		return id, fmt.Errorf("identity drawn for this start only: %w", werr)
	}
	id.kept = true
	return id, note
}

// madeQueue notes beside the identity that there is a queue file from now on. When
// that cannot be written the next start does it.
func (s *Store) madeQueue() {
	s.mu.Lock()
	id := s.ident
	s.mu.Unlock()
	if id.queue || !id.kept {
		return
	}
	id.queue = true
	if err := writeIdentity(filepath.Join(s.o.Dir, "identity"), id, !s.o.NoSync); err != nil {
		return
	}
	s.mu.Lock()
	s.ident = id
	s.mu.Unlock()
}

func freshIdentity() identity {
	id := identity{epoch: 1}
	rand.Read(id.store[:]) // never fails: crypto/rand ends the process instead
	return id
}

func readIdentity(path string) (identity, error) {
	b, err := keep.Read(path)
	if err != nil {
		return identity{}, fmt.Errorf("read identity: %w", err)
	}
	var f identityFile
	if err := json.Unmarshal(b, &f); err != nil {
		return identity{}, fmt.Errorf("read identity %s: %w", path, err)
	}
	var id identity
	s, err := hex.DecodeString(f.Store)
	if err != nil || len(s) != len(id.store) || f.Epoch == 0 {
		return identity{}, fmt.Errorf("read identity %s: no store and epoch in it", path)
	}
	copy(id.store[:], s)
	id.epoch = f.Epoch
	id.queue = f.Queue == nil || *f.Queue // an agent that did not write it made the file first thing
	return id, nil
}

func writeIdentity(path string, id identity, sync bool) error {
	b, err := json.Marshal(identityFile{hex.EncodeToString(id.store[:]), id.epoch, &id.queue})
	if err != nil {
		return err
	}
	if err := keep.Replace(path, append(b, '\n'), sync); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	if err := syncDir(filepath.Dir(path), sync); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	return nil
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string, sync bool) error {
	if !sync || runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
