//go:build linux && proof

package crash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// trials are the troubles of a file system.
var trials = map[string]func(*player) error{
	"full, tmpfs":             func(p *player) error { return p.full(p.tmpfs("size=64m")) },
	"full, ext4":              func(p *player) error { return p.full(p.ext4("disk")) },
	"full, ext2":              func(p *player) error { return p.full(p.mounted("disk", "mkfs.ext2")) },
	"full at the start":       (*player).fullAtStart,
	"no inodes":               (*player).noInodes,
	"no inodes at the start":  (*player).noInodesAtStart,
	"no inodes at a restart":  (*player).noInodesAtRestart,
	"read-only at the start":  (*player).readOnlyAtStart,
	"turned read-only (ext4)": (*player).turnedReadOnly,
}

// unable is why a trial cannot be played here.
type unable struct{ err error }

func (u *unable) Error() string { return u.err.Error() }

func mayNot(what string, err error) error {
	if err == nil {
		return nil
	}
	return &unable{fmt.Errorf("%s: %w", what, err)}
}

func (p *player) tmpfs(options string) error {
	if err := mayNot("mount tmpfs", syscall.Mount("tmpfs", p.Dir, "tmpfs", 0, options)); err != nil {
		return err
	}
	return os.Mkdir(p.Dir+"/state", 0o700)
}

func (p *player) ext4(image string) error { return p.mounted(image, "mkfs.ext4") }

// mounted mounts an image, made by mkfs when it is not there. Of those ext2 is one
// that can promise no space: it has to be written to.
func (p *player) mounted(image, mkfs string) error {
	if os.Geteuid() != 0 || p.Work == "" {
		return &unable{errors.New("mount an image: needs root")}
	}
	path := filepath.Join(p.Work, image)
	if _, err := os.Stat(path); err != nil {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		if err := os.Truncate(path, 64<<20); err != nil {
			return err
		}
		if out, err := exec.Command(mkfs, "-q", "-F", "-m", "0", path).CombinedOutput(); err != nil {
			return mayNot(mkfs+" "+string(out), err)
		}
	}
	if out, err := exec.Command("mount", "-o", "loop", path, p.Dir).CombinedOutput(); err != nil {
		return mayNot("mount -o loop "+string(out), err)
	}
	return os.MkdirAll(p.Dir+"/state", 0o700)
}

// ballast takes all that is left of the file system.
func (p *player) ballast() error {
	f, err := os.Create(filepath.Join(p.Dir, "ballast"))
	if err != nil {
		return err
	}
	for n := 1 << 20; n >= 1; n /= 2 {
		for {
			if _, err = f.Write(make([]byte, n)); err != nil {
				break
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

func (p *player) relieve() error { return os.Remove(filepath.Join(p.Dir, "ballast")) }

// full: somebody else's log fills the file system under the running store.
// Sampling goes on, alarms and commands use the reserve.
func (p *player) full(err error) error {
	if err != nil {
		return err
	}
	p.start()
	p.sample(1000, false)
	p.relieved()
	if err := p.ballast(); err != nil {
		return err
	}
	for range 4 {
		p.sample(6000, true)
		p.durable("while the disk is full")
		p.refused()
	}
	if p.Visible == "" {
		p.fault("the trouble could not be seen in Stats.LastError")
	}
	if err := p.relieve(); err != nil {
		return err
	}
	p.relieved()
	p.finish()
	return nil
}

// fullAtStart: there is no room for the file at all.
func (p *player) fullAtStart() error {
	if err := p.tmpfs("size=64m"); err != nil {
		return err
	}
	if err := p.ballast(); err != nil {
		return err
	}
	return p.blocked(p.relieve)
}

// blocked: the store starts, and cannot make its file until relieve.
func (p *player) blocked(relieve func() error) error {
	p.start()
	p.sample(500, true)
	p.refused()
	p.sample(500, true)
	for began := time.Now(); p.Visible == "" && time.Since(began) < hang; time.Sleep(time.Millisecond) {
		p.Visible = p.s.Stats().LastError
	}
	if p.Visible == "" {
		p.fault("the trouble could not be seen in Stats.LastError")
	}
	if p.Journal == "goes on" {
		p.fault("a command was begun without a disk")
	}
	if err := relieve(); err != nil {
		return err
	}
	p.relieved()
	p.finish()
	return nil
}

// litter uses up all inodes.
func (p *player) litter() error {
	for n := 0; ; n++ {
		f, err := os.Create(fmt.Sprintf("%s/litter-%d", p.Dir, n))
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		if err != nil {
			return err
		}
		f.Close()
	}
}

func (p *player) sweep() error {
	all, err := filepath.Glob(p.Dir + "/litter-*")
	for _, name := range all {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// noInodes: a running store needs none.
func (p *player) noInodes() error {
	if err := p.tmpfs("size=64m,nr_inodes=64"); err != nil {
		return err
	}
	p.start()
	p.sample(1000, false)
	p.relieved()
	if err := p.litter(); err != nil {
		return err
	}
	p.sample(3000, true)
	p.durable("without inodes")
	p.refused()
	if err := p.sweep(); err != nil {
		return err
	}
	p.relieved()
	p.finish()
	return nil
}

func (p *player) noInodesAtStart() error {
	if err := p.tmpfs("size=64m,nr_inodes=64"); err != nil {
		return err
	}
	if err := p.litter(); err != nil {
		return err
	}
	return p.blocked(p.sweep)
}

// noInodesAtRestart: a file that is there opens, though nothing can be made beside it.
func (p *player) noInodesAtRestart() error {
	if err := p.tmpfs("size=64m,nr_inodes=64"); err != nil {
		return err
	}
	p.start()
	p.sample(1000, false)
	p.relieved()
	p.halt()
	if err := p.litter(); err != nil {
		return err
	}
	p.start()
	p.sample(1000, true)
	p.durable("without inodes")
	p.refused()
	if err := p.sweep(); err != nil {
		return err
	}
	p.relieved()
	p.finish()
	return nil
}

func (p *player) readOnlyAtStart() error {
	if err := p.tmpfs("size=64m"); err != nil {
		return err
	}
	remount := func(flags uintptr) error {
		return mayNot("remount", syscall.Mount("tmpfs", p.Dir, "tmpfs", syscall.MS_REMOUNT|flags, "size=64m"))
	}
	if err := remount(syscall.MS_RDONLY); err != nil {
		return err
	}
	return p.blocked(func() error { return remount(0) })
}

// turnedReadOnly: ext4 gives up under the running store, as it does after an error
// of the card, and is mounted again after a repair.
func (p *player) turnedReadOnly() error {
	if err := p.ext4("disk"); err != nil {
		return err
	}
	p.start()
	p.sample(1000, false)
	p.relieved()
	if out, err := exec.Command("mount", "-o", "remount,abort", p.Dir).CombinedOutput(); err != nil {
		return mayNot("mount -o remount,abort "+string(out), err)
	}
	p.sample(1000, true)
	p.refused()
	p.sample(1000, true)
	if p.Visible == "" {
		p.fault("the trouble could not be seen in Stats.LastError")
	}
	if err := copyFile(filepath.Join(p.Work, "disk"), filepath.Join(p.Work, "repaired")); err != nil {
		return err
	}
	if out, err := exec.Command("umount", "-l", p.Dir).CombinedOutput(); err != nil {
		return fmt.Errorf("umount %s: %w", out, err)
	}
	if err := p.ext4("repaired"); err != nil {
		return err
	}
	p.relieved()
	p.finish()
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// TestDisk: a disk that is full, read-only or without inodes costs no alarm and no
// restart, memory stays bounded, and the trouble can be seen.
func TestDisk(t *testing.T) {
	if *childCmd != "" {
		t.Skip("SKIPPED: mounts are made by this build only")
	}
	rows := [][]string{{"trouble", "result", "appended meanwhile", "telemetry lost", "memory at most", "journal meanwhile", "well after", "seen as"}}
	var names []string
	for name := range trials {
		names = append(names, name)
	}
	slices.Sort(names)
	var mu sync.Mutex
	t.Run("trials", func(t *testing.T) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // most of the time is spent waiting for the next attempt
				row := tried(t, name)
				mu.Lock()
				defer mu.Unlock()
				rows = append(rows, row)
			})
		}
	})
	table(t, "troubles of the file system", rows)
}

// tried plays one trial and is its row of the table.
func tried(t *testing.T, name string) []string {
	w := trial{Name: name, Dir: t.TempDir(), Seed: *seed}
	if os.Geteuid() == 0 {
		w.Work = t.TempDir()
	}
	r, err := playTrial(t, w)
	result := "good"
	switch {
	case err != nil:
		t.Errorf("%s: %v", name, err)
		return []string{name, "FAILED"}
	case r.Skipped != "":
		t.Logf("SKIPPED: %s: %s", name, r.Skipped)
		return []string{name, "SKIPPED: " + r.Skipped}
	case len(r.Faults) > 0:
		result = "FAILED"
		t.Errorf("%s, seed %d: %q", name, *seed, r.Faults)
	}
	return []string{name, result, fmt.Sprint(r.Appended), fmt.Sprint(r.Lost), fmt.Sprint(r.Memory), fmt.Sprintf("%.30s", r.Journal),
		fmt.Sprint(r.Relief.Round(time.Millisecond)), short(r.Visible, w.Dir)}
}

// short is an error as a cell of a table.
func short(text, dir string) string {
	text = strings.ReplaceAll(text, dir, "…")
	return text[:min(len(text), 80)]
}

// playTrial runs one trial in a process with its own mounts: they end with it.
func playTrial(t *testing.T, w trial) (*told, error) {
	t.Helper()
	cmd := child(t, "disk", w)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	var out bytes.Buffer
	var stderr limited
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSPC) {
			return &told{Skipped: "mount namespace: " + err.Error()}, nil
		}
		return nil, err
	}
	stuck := time.AfterFunc(10*hang, func() { cmd.Process.Signal(syscall.SIGQUIT) })
	defer stuck.Stop()
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, head(stderr.String(), 40))
	}
	r := &told{}
	return r, json.Unmarshal(out.Bytes(), r)
}
