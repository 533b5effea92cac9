package diag

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// asNobody runs f with the rights of a user who is neither root nor the agent's.
// The thread that gave up its rights ends with the goroutine.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	const nobody = 65534
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			failed <- errno
			return
		}
		f()
		failed <- nil
	}()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

// A user who may open the socket looks at everything and changes nothing.
func TestMemberOfTheGroupLooksOnly(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	changed := false
	change := func(context.Context, Selection) (Changed, error) { changed = true; return Changed{}, nil }
	path := serve(t, ServerOptions{Provider: Provider{
		Peek: func(context.Context, Peek) (Peeked, error) { return Peeked{}, nil },
		Dead: returns(DeadLetters{}, nil), DeadShow: func(context.Context, string) (DeadRecord, error) { return DeadRecord{}, nil },
		Export: func(context.Context, func(Record) error) error { return nil }, RetryDead: change, DropDead: change,
		Flush: func(context.Context) (Flushed, error) { changed = true; return Flushed{}, nil },
	}})
	// In place of a group that the other user would be a member of.
	for name, mode := range map[string]os.FileMode{path: 0o666, filepath.Dir(path): 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	c := NewClient(path)
	looks := map[string]func() error{
		"peek":   func() error { _, err := c.Peek(t.Context(), Peek{N: 1}); return err },
		"dead":   func() error { _, err := c.Dead(t.Context()); return err },
		"show":   func() error { _, err := c.DeadShow(t.Context(), "x"); return err },
		"export": func() error { _, err := c.Export(t.Context(), new(strings.Builder)); return err },
	}
	changes := map[string]func() error{
		"retry": func() error { _, err := c.RetryDead(t.Context(), Selection{All: true}); return err },
		"drop":  func() error { _, err := c.DropDead(t.Context(), Selection{All: true}); return err },
		"flush": func() error { _, err := c.Flush(t.Context()); return err },
	}
	asNobody(t, func() {
		for name, ask := range looks {
			if err := ask(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, ask := range changes {
			var answer *AnswerError
			if err := ask(); !errors.As(err, &answer) || answer.Status != http.StatusForbidden || answer.Message != "user 65534 may look and not change" || Hint(err) == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	if changed {
		t.Error("a change came through")
	}
	for name, ask := range changes {
		if err := ask(); err != nil {
			t.Errorf("%s as root: %v", name, err)
		}
	}
}
