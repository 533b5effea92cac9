package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	roleGuest = "as-guest"
	qemu      = "qemu-system-x86_64"
	said      = "result " // begins a line of the guest's console that is meant for the host

	guestLimit = 30 * time.Minute // for all its rows
)

// boot does rows in a machine whose kernel has netem.
func (o *options) boot(ctx context.Context, some []row, out io.Writer) ([]result, error) {
	ctx, cancel := context.WithTimeout(ctx, guestLimit)
	defer cancel()
	words := []string{roleGuest, strconv.FormatUint(o.seed, 10)}
	for _, r := range some {
		words = append(words, r.name)
	}
	cmd := exec.CommandContext(ctx, qemu,
		"-M", "q35", "-accel", "tcg", "-cpu", "qemu64,+rdrand", "-smp", "1", "-m", "768", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", o.kernel, "-initrd", o.initrd, "-serial", "stdio",
		"-append", "console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check rdinit=/network -- "+strings.Join(words, " "))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	console, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var all []result
	var heard []string
	for lines := bufio.NewScanner(console); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		text, ok := strings.CutPrefix(line, said)
		if !ok {
			heard = append(heard, line)
			continue
		}
		var r result
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			heard = append(heard, line)
			continue
		}
		fmt.Fprintln(out, r.line())
		all = append(all, r)
	}
	err = cmd.Wait()
	if len(all) != len(some) {
		return nil, fmt.Errorf("the guest did %d of %d rows (%w); its console:\n%s", len(all), len(some), err, strings.Join(heard[max(len(heard)-60, 0):], "\n"))
	}
	return all, nil
}

// beGuest is the first process of the machine: it does the rows and ends the machine.
func beGuest(args []string) {
	err := guestRows(args)
	if err != nil {
		fmt.Println("guest:", err)
	}
	syscall.Sync()
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	panic("the machine is still on")
}

func guestRows(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("no rows in %q", args)
	}
	seed, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	some, err := choose(args[1:], false)
	if err != nil {
		return err
	}
	if err := prepareGuest(); err != nil {
		return err
	}
	if err := layBridge(); err != nil {
		return err
	}
	o := options{agent: "/agent", work: "/tmp", seed: seed}
	for _, r := range some {
		res := o.prove(context.Background(), r, rand.New(rand.NewPCG(seed, 1)))
		text, err := json.Marshal(res)
		if err != nil {
			return err
		}
		fmt.Printf("\n%s%s\n", said, text)
	}
	return nil
}

func prepareGuest() error {
	if err := os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"); err != nil {
		return err
	}
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	modules, err := filepath.Glob("/modules/*.ko") // numbered in the order of need
	if err != nil || len(modules) == 0 {
		return fmt.Errorf("no modules: %w", err)
	}
	slices.Sort(modules)
	for _, path := range modules {
		if err := insert(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func insert(module string) error {
	b, err := os.ReadFile(module)
	if err != nil {
		return err
	}
	if err := unix.InitModule(b, ""); !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}
