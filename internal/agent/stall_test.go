package agent

import (
	"bytes"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
)

// A note is written once a run, and once a day at most; who takes it back takes only
// its own. Of a torn one it is told that there was one.
func TestStallNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		n := newStallNote(t.TempDir(), clock.NewFake(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)), slog.New(slog.NewTextHandler(&told, nil)))
		says := func(when string, loops ...string) {
			t.Helper()
			n.last.Wait()
			s := n.read()
			if (s == nil) != (loops == nil) || s != nil && (!slices.Equal(s.Loops, loops) || s.Reset || s.At.IsZero()) {
				t.Errorf("%s: %+v, want %q", when, s, loops)
			}
		}
		says("at first")
		if err := os.WriteFile(n.path, []byte(`{"loops":["committing"`+strings.Repeat("x", 200)), 0o600); err != nil {
			t.Fatal(err)
		}
		if s := n.read(); s == nil || s.Loops != nil || !s.Reset {
			t.Errorf("torn: %+v", s)
		}
		n.drop()
		n.last.Wait()
		if n.read() == nil {
			t.Error("the note of the run before was taken back")
		}
		n.keep([]string{"sampling"})
		says("over a longer one", "sampling")
		n.keep([]string{"link"})
		says("held already", "sampling")
		time.Sleep(stallAgain)
		n.keep([]string{"link"})
		says("held for a day", "sampling")
		n.drop()
		says("taken back")
		n.keep([]string{"link"})
		says("after a day", "link")
		n.drop()
		n.keep([]string{"link"})
		says("again within a day")
		time.Sleep(stallAgain)
		n.keep([]string{"link"})
		says("a day later", "link")
		if told.Len() > 0 {
			t.Errorf("told: %s", &told)
		}
	})
}
