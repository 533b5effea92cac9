package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fieldpost/internal/diag"
	"fieldpost/store"
)

// salvage is where salvaged records go; a nil one is nowhere.
type salvage struct {
	file   *os.File // nil for the standard output
	buffer *bufio.Writer
}

// newSalvage makes the file at path. It never replaces one, and never writes into
// the folder it looks at.
func newSalvage(e env, dir, path string) (*salvage, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return &salvage{buffer: bufio.NewWriter(e.out)}, nil
	}
	inside, err := within(dir, path)
	if err == nil && inside {
		err = fmt.Errorf("%s lies in the store", path)
	}
	if err != nil {
		return nil, fmt.Errorf("salvage: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("salvage: %w", err)
	}
	return &salvage{f, bufio.NewWriter(f)}, nil
}

// within reports whether the file at path would lie in dir or below, whatever
// links lead there.
func within(dir, path string) (bool, error) {
	root, err := os.Stat(dir)
	if err != nil {
		return false, err
	}
	at, err := filepath.Abs(path)
	if err != nil {
		return false, err
	}
	if at, err = filepath.EvalSymlinks(filepath.Dir(at)); err != nil {
		return false, err
	}
	for {
		if info, err := os.Stat(at); err == nil && os.SameFile(info, root) {
			return true, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return false, nil
		}
		at = up
	}
}

// take returns what writes one record as agent queue export and agent queue dead
// show do, or nil when nothing is to be salvaged.
func (s *salvage) take() func(store.Salvaged) error {
	if s == nil {
		return nil
	}
	lines := json.NewEncoder(s.buffer)
	return func(r store.Salvaged) error {
		record := diag.Record{
			MessageID: r.Record.ID.String(), Class: r.Record.Class.String(), Kind: r.Record.Kind.String(),
			At: r.At, UncertaintyS: r.Uncertainty.Seconds(), Subject: r.Record.Subject,
			CorrelationID: r.Record.CorrelationID, ContentType: r.Record.ContentType, Properties: r.Record.Props,
		}
		record.SetBody(r.Record.Body)
		if r.Dead == nil {
			return lines.Encode(record)
		}
		return lines.Encode(diag.DeadRecord{Record: record, Cause: r.Dead.Cause, RefusedAt: r.Dead.At})
	}
}

// end completes the file, or removes it when it holds nothing.
func (s *salvage) end(examined bool) error {
	if s == nil {
		return nil
	}
	err := s.buffer.Flush()
	if s.file == nil {
		return err
	}
	if err == nil {
		err = s.file.Sync()
	}
	info, statErr := s.file.Stat()
	err = errors.Join(err, s.file.Close())
	if (!examined || err != nil) && statErr == nil && info.Size() == 0 {
		err = errors.Join(err, os.Remove(s.file.Name()))
	}
	return err
}
