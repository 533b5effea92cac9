package store

import (
	"errors"
	"io/fs"
	"testing"
	"time"
)

// TestRightsAreLookedForSoon: however long a right is missing, the next look is near;
// other trouble is met ever more rarely.
func TestRightsAreLookedForSoon(t *testing.T) {
	for _, c := range []struct {
		err  error
		most time.Duration
	}{
		{&fs.PathError{Op: "open", Path: "queue.db", Err: fs.ErrPermission}, retryRights},
		{errors.New("input/output error"), retryMax},
	} {
		s, longest := New(Options{Dir: t.TempDir()}), time.Duration(0)
		for range 200 {
			before := s.now()
			s.troubled(c.err)
			longest = max(longest, s.retryAt-before)
		}
		if longest < c.most/2 || longest > c.most+time.Second {
			t.Errorf("%v: at most %v between two attempts, want %v", c.err, longest, c.most)
		}
	}
}
