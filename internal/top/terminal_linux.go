package top

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	enter = "\x1b[?1049h\x1b[?25l\x1b[2J" // the other screen, no cursor
	leave = "\x1b[?25h\x1b[m\x1b[?1049l"
)

// Is reports whether f is a terminal.
func Is(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Columns returns the width of the terminal f, or 0.
func Columns(f *os.File) int {
	if w, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
		return int(w.Col)
	}
	return 0
}

// terminal is a Screen on the terminal of this process.
type terminal struct {
	in, out *os.File
	was     unix.Termios
	raw     unix.Termios
	typed   chan string
	changed chan struct{}
	done    chan struct{}
	wait    sync.WaitGroup
}

// On calls run with a Screen on a terminal, and with a context that ends when a
// signal says so. However run ends, and also when it panics, the terminal is as it
// was before.
func On(ctx context.Context, in, out *os.File, run func(context.Context, Screen) error) (err error) {
	t := &terminal{in: in, out: out, typed: make(chan string), changed: make(chan struct{}, 1), done: make(chan struct{})}
	was, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	t.was, t.raw = *was, *was
	t.raw.Iflag &^= unix.BRKINT | unix.ICRNL | unix.INPCK | unix.ISTRIP | unix.IXON
	t.raw.Lflag &^= unix.ECHO | unix.ICANON | unix.IEXTEN | unix.ISIG
	t.raw.Cc[unix.VMIN], t.raw.Cc[unix.VTIME] = 0, 1 // a read returns after 0.1 s

	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer cancel()
	windows := make(chan os.Signal, 1)
	signal.Notify(windows, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(windows)

	defer func() {
		close(t.done)
		t.wait.Wait()
		_, _ = out.WriteString(leave)
		_ = unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &t.was)
	}()
	if err := t.take(); err != nil {
		return err
	}
	t.wait.Go(t.read)
	t.wait.Go(func() { t.watch(windows) })
	return run(ctx, t)
}

// take makes the terminal ours.
func (t *terminal) take() error {
	if err := unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, &t.raw); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	_, err := t.out.WriteString(enter)
	return err
}

// Size implements Screen. A terminal that does not know is one of 80 by 24.
func (t *terminal) Size() (columns, rows int) {
	w, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || w.Col == 0 || w.Row == 0 {
		return 80, 24
	}
	return int(w.Col), int(w.Row)
}

// Show implements Screen.
func (t *terminal) Show(text string) error {
	_, err := t.out.WriteString(text)
	return err
}

// Typed implements Screen.
func (t *terminal) Typed() <-chan string { return t.typed }

// Changed implements Screen.
func (t *terminal) Changed() <-chan struct{} { return t.changed }

// hungUp is how many reads in a row return nothing at once before the terminal is
// taken for gone.
const hungUp = 50

// read passes on what is typed. It never blocks for longer than the terminal was
// told, and so ends with the view.
func (t *terminal) read() {
	defer close(t.typed)
	buffer := make([]byte, 256)
	for quick := 0; quick < hungUp; {
		began := time.Now()
		n, err := unix.Read(int(t.in.Fd()), buffer)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return
		case n > 0:
			quick = 0
			select {
			case t.typed <- string(buffer[:n]):
			case <-t.done:
				return
			}
		case time.Since(began) < 20*time.Millisecond:
			quick++
		default:
			quick = 0
		}
		select {
		case <-t.done:
			return
		default:
		}
	}
}

// watch tells of another size. After a stop the shell has had the terminal: it is
// taken again.
func (t *terminal) watch(signals <-chan os.Signal) {
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGCONT {
				_ = t.take()
			}
			select {
			case t.changed <- struct{}{}:
			default:
			}
		case <-t.done:
			return
		}
	}
}
