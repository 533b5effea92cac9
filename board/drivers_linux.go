package board

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver/driverreg"
)

// findChips lets periph's drivers look at the board, which they do once per
// process, and returns the GPIO chips found. What went wrong is in the log; an
// agent without outputs does not care.
func (h *HostBoard) findChips() []chip {
	var state *driverreg.State
	var err error
	said := captureLog(func() {
		keepStdin(func() { state, err = driverreg.Init() })
	})
	for _, line := range said {
		h.log.Debug("periph", "says", line)
	}
	if err != nil {
		h.log.Warn("start board drivers", "error", err)
		return nil
	}
	for _, f := range state.Failed {
		h.log.Warn("board driver failed", "driver", f.D.String(), "error", f.Err)
	}
	for _, f := range state.Skipped {
		h.log.Debug("board driver not needed", "driver", f.D.String(), "reason", f.Err)
	}
	return periphChips()
}

// captureLog runs f and returns what package log was told meanwhile, at most
// maxSaid lines: periph reports through it and nowhere else. The lines are
// handed over afterwards, because slog's default handler writes to package log.
func captureLog(f func()) []string {
	var said saying
	out, flags := log.Writer(), log.Flags()
	log.SetOutput(&said)
	log.SetFlags(0)
	defer func() {
		log.SetOutput(out)
		log.SetFlags(flags)
	}()
	f()
	return said.take()
}

const maxSaid = 50

type saying struct {
	mu    sync.Mutex
	lines []string
}

func (s *saying) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range bytes.Lines(p) {
		if text := strings.TrimSpace(string(l)); text != "" && len(s.lines) < maxSaid {
			s.lines = append(s.lines, text)
		}
	}
	return len(p), nil
}

func (s *saying) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines
}

// keepStdin runs f and repairs descriptor 0 after it. gpioioctl closes
// descriptor 0 when it drops a chip it has seen under another name, as on every
// Pi whose gpiochip4 is a link to gpiochip0; the next file to be opened would
// take its place, and gpioioctl takes a line with descriptor 0 for one that was
// never requested.
func keepStdin(f func()) {
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	f()
	if err != nil {
		return
	}
	defer unix.Close(saved)
	if _, err := unix.FcntlInt(0, unix.F_GETFD, 0); err == nil {
		return
	}
	if fd, err := unix.FcntlInt(uintptr(saved), unix.F_DUPFD, 0); err == nil && fd != 0 {
		_ = unix.Close(fd)
	}
}

// chipAccess returns the error of opening the first GPIO chip there is.
func chipAccess() error {
	names, _ := filepath.Glob("/dev/gpiochip*")
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("open %s: %w", name, kindOf(err))
		}
		_ = f.Close()
	}
	return nil
}
