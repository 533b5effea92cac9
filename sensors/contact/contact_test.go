package contact_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/sensors"
	"fieldpost/sensors/contact"
)

// take takes GPIO5 of a board, which is on when it is low.
func take(b *boardsim.Board) contact.Take {
	return func(rising func()) (contact.Line, error) {
		return b.Input("door", "GPIO5", board.InputOptions{ActiveLow: true, Rising: rising})
	}
}

func open(t *testing.T, o sensors.Opener) sensors.Source {
	t.Helper()
	src, err := o(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func want(t *testing.T, src sensors.Source, num float64, q sensors.Quality) {
	t.Helper()
	vs, err := src.Sense(t.Context())
	if err != nil || len(vs) != 1 || vs[0].Num != num || vs[0].Quality != q {
		t.Errorf("%+v, %v, want %v %v", vs, err, num, q)
	}
}

func TestLevel(t *testing.T) {
	b := boardsim.New(boardsim.Options{Lines: []string{"GPIO5"}})
	src := open(t, contact.Level(take(b)))
	want(t, src, 1, sensors.Good)
	b.Drive("GPIO5", true)
	want(t, src, 0, sensors.Good)
	if _, err := contact.Level(take(b))(t.Context()); !errors.Is(err, board.ErrInUse) {
		t.Errorf("taken twice: %v", err)
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
	if _, err := src.Sense(t.Context()); !errors.Is(err, board.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func pulse(b *boardsim.Board, n int) {
	for range n {
		b.Drive("GPIO5", true)
		b.Drive("GPIO5", false)
	}
}

func kept(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func TestCountIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := boardsim.New(boardsim.Options{})
		file := filepath.Join(t.TempDir(), "count")
		src := open(t, contact.Count(take(b), file))
		pulse(b, 3)
		want(t, src, 3, sensors.Good)
		if got := kept(t, file); got != "3" {
			t.Errorf("the first sample kept %q", got)
		}
		pulse(b, 2)
		want(t, src, 5, sensors.Good)
		if got := kept(t, file); got != "3" {
			t.Errorf("written again at once: %q", got)
		}
		time.Sleep(contact.SaveEvery)
		want(t, src, 5, sensors.Good)
		if got := kept(t, file); got != "5" {
			t.Errorf("after its time %q is kept", got)
		}
		pulse(b, 1)
		if err := src.Close(); err != nil || kept(t, file) != "6" {
			t.Errorf("the end kept %q, %v", kept(t, file), err)
		}
		pulse(b, 7) // nobody counts
		src = open(t, contact.Count(take(b), file))
		pulse(b, 1)
		want(t, src, 7, sensors.Good)
	})
}

func TestCountThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := boardsim.New(boardsim.Options{})
		dir := filepath.Join(t.TempDir(), "none")
		src := open(t, contact.Count(take(b), filepath.Join(dir, "count")))
		pulse(b, 1)
		want(t, src, 1, sensors.Suspect)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(contact.SaveEvery)
		want(t, src, 1, sensors.Good)
	})
}

func TestFileWithoutACount(t *testing.T) {
	for _, text := range []string{"", "x", "-1"} {
		file := filepath.Join(t.TempDir(), "count")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, open(t, contact.Count(take(boardsim.New(boardsim.Options{})), file)), 0, sensors.Good)
	}
}
