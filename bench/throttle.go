package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// throttle is a control group whose members use the device no faster than a slow
// card would let them.
type throttle struct {
	dir string
}

const (
	cardIOPS = 2000
	cardRate = 40 * mb // bytes a second
)

// newThrottle makes the group in the unified hierarchy, or in blkio of the old one.
func newThrottle(name, device string) (*throttle, error) {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return nil, err
	}
	var reasons []error
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		var err error
		switch {
		case len(f) > 3 && f[2] == "cgroup2":
			err = unified(f[1], name, device)
		case len(f) > 3 && f[2] == "cgroup" && strings.Contains(","+f[3]+",", ",blkio,"):
			err = blkio(f[1], name, device)
		default:
			continue
		}
		t := &throttle{dir: filepath.Join(f[1], name)}
		if err == nil {
			return t, nil
		}
		_ = os.Remove(t.dir) // it may not have been made
		reasons = append(reasons, fmt.Errorf("%s: %w", f[1], err))
	}
	return nil, errors.Join(append(reasons, errors.New("no control group can throttle a device"))...)
}

func unified(root, name, device string) error {
	has, err := os.ReadFile(filepath.Join(root, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	if !strings.Contains(" "+strings.TrimSpace(string(has))+" ", " io ") {
		return errors.New("the io controller is not enabled")
	}
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	limit := fmt.Sprintf("%s riops=%d wiops=%d rbps=%d wbps=%d", device, cardIOPS, cardIOPS, int(cardRate), int(cardRate))
	return os.WriteFile(filepath.Join(dir, "io.max"), []byte(limit), 0o644)
}

func blkio(root, name, device string) error {
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for file, limit := range map[string]int{"read_iops": cardIOPS, "write_iops": cardIOPS, "read_bps": cardRate, "write_bps": cardRate} {
		line := fmt.Sprintf("%s %d", device, limit)
		if err := os.WriteFile(filepath.Join(dir, "blkio.throttle."+file+"_device"), []byte(line), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// add puts a process under the limits.
func (t *throttle) add(pid int) error {
	return os.WriteFile(filepath.Join(t.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
}

// remove ends the group; its members have ended.
func (t *throttle) remove() error { return os.Remove(t.dir) }
