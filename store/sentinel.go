package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fieldpost/internal/keep"
)

// The file .opening says how often in a row the process ended while it opened the
// queue: in this boot, in others, and which boot this is. What kills it every time
// must be in the file. A machine that went down meanwhile may have lost its power,
// so more of those are needed. After twice as many the file is not read any more.
const (
	sentinelMax   = 2
	sentinelBoots = 5
)

// errDeadly is why a file is set aside without salvage.
var errDeadly = damaged("opening it, and salvaging it, ended the process each time")

func (s *Store) sentinel() string { return filepath.Join(s.o.Dir, ".opening") }

// enterOpening counts this attempt and returns an error when the last ones ended
// the process. A sentinel that cannot be kept stops nobody.
func (s *Store) enterOpening() error {
	now := s.o.Clock.Now().Boot
	this := hex.EncodeToString(now[:])
	b, _ := keep.Read(s.sentinel())
	here, elsewhere, boot := deaths(string(b))
	if boot != "" && boot != this {
		here, elsewhere = 0, elsewhere+here
	}
	text := fmt.Sprintf("%d %d %s\n", here+1, elsewhere, this)
	if err := keep.Replace(s.sentinel(), []byte(text), false); err != nil {
		return nil
	}
	if here >= 2*sentinelMax || here+elsewhere >= 2*sentinelBoots {
		return errDeadly
	}
	if here >= sentinelMax || here+elsewhere >= sentinelBoots {
		return damaged("the last %d attempts to open it ended the process", here+elsewhere)
	}
	return nil
}

// deaths reads what enterOpening wrote. Anything else tells of none.
func deaths(text string) (here, elsewhere int, boot string) {
	words := strings.Fields(text)
	if len(words) != 3 || len(words[2]) != 32 {
		return 0, 0, ""
	}
	here, err := strconv.Atoi(words[0])
	elsewhere, err2 := strconv.Atoi(words[1])
	if err != nil || err2 != nil || here < 0 || elsewhere < 0 {
		return 0, 0, ""
	}
	return min(here, 2*sentinelMax), min(elsewhere, 2*sentinelBoots), words[2]
}

// leaveOpening takes the mark of this attempt away. A folder that lets nothing go is
// told of once, not at every retry.
func (s *Store) leaveOpening() {
	stays := ""
	if err := os.Remove(s.sentinel()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		stays = err.Error()
	}
	if stays != "" && stays != s.stays {
		s.o.Log.Warn("the mark of an attempt to open the queue stays", "file", s.sentinel(), "err", stays)
	}
	s.stays = stays
}
