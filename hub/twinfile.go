package hub

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	twinsFile    = "twins.json"
	twinsAside   = "twins.json.damaged" // the latest that could not be read
	twinsVersion = 1

	twinsEvery = time.Second      // at most one write in this time
	twinsShare = 10               // and at most one part in this many of it is spent writing
	twinsRetry = 10 * time.Second // after a write that failed
)

// twinFile keeps the twins in the directory of a hub: one JSON value after the
// other, a head and then every twin that has changed since it was made. The file
// is written anew as a whole, a while after the first change that it lacks.
type twinFile struct {
	hub *Hub

	writing sync.Mutex // held by the one write there is

	mu      sync.Mutex
	timer   *time.Timer
	waiting bool // for the timer, to write
	wait    time.Duration
	failing bool
	closed  bool
}

// twinsHead is the first value of the file.
type twinsHead struct {
	Version int `json:"version"`
}

// keptTwin is one twin in the file.
type keptTwin struct {
	DeviceID     string      `json:"deviceId"`
	ModuleID     string      `json:"moduleId,omitempty"`
	GenerationID string      `json:"generationId"`
	Version      int64       `json:"version"`
	Tags         keptSection `json:"tags"`
	Desired      keptSection `json:"desired"`
	Reported     keptSection `json:"reported"`
}

type keptSection struct {
	Version  int64          `json:"version"`
	Values   map[string]any `json:"values"`
	Metadata map[string]any `json:"metadata"`
}

func newTwinFile(h *Hub) *twinFile {
	return &twinFile{hub: h, wait: twinsEvery, closed: h.opts.Dir == ""}
}

// changed says that the file lacks something. It may be called with the mutex of
// a twin held.
func (f *twinFile) changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arm(f.wait)
}

// arm makes sure that a write comes; the caller holds mu.
func (f *twinFile) arm(wait time.Duration) {
	switch {
	case f.closed || f.waiting:
		return
	case f.timer == nil:
		f.timer = time.AfterFunc(wait, f.write)
	default:
		f.timer.Reset(wait)
	}
	f.waiting = true
}

// close writes what still waits; what changes later is not kept.
func (f *twinFile) close() {
	f.mu.Lock()
	waiting := f.waiting
	f.closed = true
	if f.timer != nil {
		f.timer.Stop()
	}
	f.mu.Unlock()
	if waiting {
		f.write()
	}
}

// write puts every twin into the file. What fails is told once, and tried again.
func (f *twinFile) write() {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	f.waiting = false // what changes from here on is for the next write
	f.mu.Unlock()
	began := time.Now()
	err := replaceFile(f.hub.opts.Dir, twinsFile, f.encode)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wait = max(twinsEvery, twinsShare*time.Since(began))
	if err != nil {
		f.arm(twinsRetry)
		if !f.failing {
			f.hub.log.Warn("twins cannot be kept", "error", err)
		}
	} else if f.failing {
		f.hub.log.Info("twins are kept again")
	}
	f.failing = err != nil
}

func (f *twinFile) encode(to io.Writer) error {
	w := bufio.NewWriter(to)
	enc := json.NewEncoder(w)
	if err := enc.Encode(twinsHead{twinsVersion}); err != nil {
		return err
	}
	for _, d := range f.hub.registry.all() {
		if k, changed := d.twin.keep(); changed {
			if err := enc.Encode(k); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// restore puts the kept twins back. A file that cannot be read to its end is set
// aside; the twins before the damage are kept.
func (f *twinFile) restore() {
	if f.hub.opts.Dir == "" {
		return
	}
	restored, err := f.read()
	if err == nil {
		return
	}
	path, aside := filepath.Join(f.hub.opts.Dir, twinsFile), filepath.Join(f.hub.opts.Dir, twinsAside)
	if errors.Join(os.RemoveAll(aside), os.Rename(path, aside)) != nil {
		f.hub.log.Warn("twins are not kept: their file cannot be read, nor set aside", "file", path, "error", err)
		f.closed = true
		return
	}
	f.hub.log.Warn("file of twins is damaged and set aside", "file", aside, "restored", restored, "error", err)
	f.write()
}

// read returns how many twins it restored.
func (f *twinFile) read() (restored int, err error) {
	file, err := os.Open(filepath.Join(f.hub.opts.Dir, twinsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	dec := json.NewDecoder(bufio.NewReader(file))
	dec.UseNumber()
	var head twinsHead
	if err := dec.Decode(&head); err != nil {
		return 0, err
	}
	if head.Version != twinsVersion {
		return 0, fmt.Errorf("version %d is not known", head.Version)
	}
	for {
		var k keptTwin
		if err := dec.Decode(&k); errors.Is(err, io.EOF) {
			return restored, nil
		} else if err != nil {
			return restored, err
		}
		if err := k.check(); err != nil {
			return restored, fmt.Errorf("device %q: %w", identityName(k.DeviceID, k.ModuleID), err)
		}
		// A twin goes with its device, also while no hub runs.
		d := f.hub.registry.lookup(identityName(k.DeviceID, k.ModuleID))
		if d != nil && d.generation == k.GenerationID {
			d.twin.restore(k)
			restored++
		}
	}
}

func (k *keptTwin) check() error {
	if k.Version < 1 {
		return fmt.Errorf("version %d", k.Version)
	}
	for _, s := range []*keptSection{&k.Tags, &k.Desired, &k.Reported} {
		if s.Version < 1 || s.Values == nil || s.Metadata == nil {
			return errors.New("a section is incomplete")
		}
		if err := checkValue(s.Values, 0); err != nil {
			return err
		}
	}
	return nil
}

// keep returns the twin for the file, and whether it has changed since it was made.
func (t *twin) keep() (k keptTwin, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return keptTwin{
		DeviceID: t.device.id, ModuleID: t.device.module, GenerationID: t.device.generation, Version: t.version,
		Tags: t.tags.keep(), Desired: t.desired.keep(), Reported: t.reported.keep(),
	}, t.version > 1
}

func (t *twin) restore(k keptTwin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version = k.Version
	t.tags.restore(k.Tags)
	t.desired.restore(k.Desired)
	t.reported.restore(k.Reported)
}

func (s *section) keep() keptSection {
	return keptSection{Version: s.version, Values: s.values, Metadata: s.metadata}
}

func (s *section) restore(k keptSection) {
	s.version, s.values, s.metadata = k.Version, k.Values, k.Metadata
}
