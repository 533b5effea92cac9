package board

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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
func (*HostBoard) MayReboot() error { return mayReboot(systemdRuns, "/proc/self/status") }

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

// Reboot implements Power: systemd is asked for an orderly reboot; without it the
// kernel is, after what it holds was written.
func (*HostBoard) Reboot() error {
	_, err := os.Stat(systemdRuns)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), rebootIn)
		defer cancel()
		out, err := exec.CommandContext(ctx, "systemctl", "--no-block", "reboot").CombinedOutput()
		if err == nil {
			return nil
		}
		said := strings.TrimSpace(string(out))
		return &Error{Op: "reboot", Thing: "board", Err: errors.Join(err, errors.New(said[:min(len(said), 300)]))}
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		return &Error{Op: "reboot", Thing: "board", Err: err}
	}
	return nil
}
