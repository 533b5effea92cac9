package clock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"fieldpost/internal/keep"
)

// FloorFile keeps the newest time that was vouched for over restarts, so that a
// gateway without a clock chip does not begin again at the date of its build.
type FloorFile struct {
	Path     string    // RFC 3339 and a line end; its folder must exist; no default
	Earliest *Earliest // what is kept; no default
	Clock    Clock     // raises Earliest while it is synced; no default
	Log      *slog.Logger

	refused error // why the file may not be read, until something vouches for a newer time
}

const (
	floorLook  = time.Minute // between two looks at the clock
	floorStale = time.Hour   // how far the file may fall behind: a card wears out
)

// Load raises Earliest to what the file says. A file that is missing is no error.
func (f *FloorFile) Load() error {
	text, err := keep.Read(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f.refused = nil
	if errors.Is(err, fs.ErrPermission) {
		f.refused = err
	}
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%s: no time in RFC 3339", f.Path)
	}
	f.Earliest.Raise(at)
	return nil
}

// Run keeps the file up to date until ctx ends, and writes it then: at most once
// an hour, or within a minute of news from elsewhere. It always returns nil; a
// file that cannot be written is told once.
func (f *FloorFile) Run(ctx context.Context) error {
	tick := time.NewTicker(floorLook)
	defer tick.Stop()
	saved, told := f.Earliest.At(), false
	save := func() {
		at := f.Earliest.At()
		if err := f.save(at); err != nil {
			if !told {
				f.Log.Warn("newest known time not kept", "err", err)
			}
			told = true
			return
		}
		saved, told = at, false
	}
	if _, err := os.Lstat(f.Path); err != nil {
		saved = time.Time{}
	}
	for {
		if now := f.Clock.Now(); now.Trust == TrustSynced {
			f.Earliest.Raise(now.Wall)
			f.refused = nil
		}
		select {
		case <-ctx.Done():
			save()
			return nil
		case <-tick.C:
			if f.Earliest.At().Sub(saved) >= floorStale {
				save()
			}
		}
	}
}

// save replaces the file: a power cut leaves the old one or the new one. One that
// may not be read knows more than we do.
func (f *FloorFile) save(at time.Time) error {
	if f.refused != nil {
		return f.refused
	}
	return keep.Replace(f.Path, []byte(at.UTC().Format(time.RFC3339)+"\n"), true)
}
