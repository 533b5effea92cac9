package board

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	systemdRuns = "/run/systemd/system" // there when systemd is the init system: sd_booted(3)
	rebootIn    = 20 * time.Second      // the init system is given this long to take the order
)

// MayReboot implements Power.
func (*HostBoard) MayReboot() error {
	if os.Getenv(RebootFileVar) != "" {
		return nil
	}
	return mayReboot(systemdRuns, "/proc/self/status")
}

// mayReboot asks for nothing where the init system decides, and for the
// capability CAP_SYS_BOOT elsewhere.
func mayReboot(systemd, status string) error {
	if _, err := os.Stat(systemd); err == nil {
		return nil
	}
	text, err := os.ReadFile(status)
	if err != nil {
		return &Error{Op: "reboot", Thing: "board", Err: err}
	}
	for line := range strings.Lines(string(text)) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			if err == nil && caps>>unix.CAP_SYS_BOOT&1 == 1 {
				return nil
			}
		}
	}
	return &Error{Op: "reboot", Thing: "board", Err: fmt.Errorf("no systemd, and no capability CAP_SYS_BOOT: %w", os.ErrPermission)}
}

// Reboot implements Power: the supervisor is asked by a file, when it said so, or systemd
// for an orderly reboot; without either the kernel is, after what it holds was written.
func (*HostBoard) Reboot() error {
	return reboot(os.Getenv(RebootFileVar), systemdRuns,
		func() error { return order("systemctl", "--no-block", "reboot") },
		func() error {
			unix.Sync()
			return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
		})
}

func reboot(file, systemd string, bySystemd, byKernel func() error) error {
	_, err := os.Stat(systemd)
	switch {
	case file != "":
		err = os.WriteFile(file, nil, 0o600)
	case err == nil:
		err = bySystemd()
	default:
		err = byKernel()
	}
	if err != nil {
		return &Error{Op: "reboot", Thing: "board", Err: err}
	}
	return nil
}

// order runs a program of the system, whose complaints go to standard error. It
// does without package os/exec, which weighs 50 kB in the agent.
func order(program string, args ...string) error {
	var path string
	for _, dir := range []string{"/usr/bin/", "/bin/"} {
		if _, err := os.Stat(dir + program); err == nil {
			path = dir + program
			break
		}
	}
	if path == "" {
		return fmt.Errorf("%s: %w", program, os.ErrNotExist)
	}
	p, err := os.StartProcess(path, append([]string{program}, args...), &os.ProcAttr{Files: []*os.File{nil, os.Stderr, os.Stderr}})
	if err != nil {
		return err
	}
	late := time.AfterFunc(rebootIn, func() { _ = p.Kill() })
	defer late.Stop()
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = fmt.Errorf("%s: %v", program, state)
	}
	return err
}
