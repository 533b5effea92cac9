// Command guest is the first process of a machine in which a built agent is proven
// on a real kernel: it loads modules, starts the agent, is the other end of the
// simulated I²C adapters, and otherwise does what the host asks for on the serial
// line. bench/board is the host; docs/PROOFS.md tells what is proven.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"fieldpost/bench/board/errand"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is the first process of a machine; scripts/proof.sh board-amd64 makes one")
		os.Exit(2)
	}
	err := work()
	fmt.Println("guest:", err)
	end()
}

func work() error {
	if err := prepare(); err != nil {
		return err
	}
	g := &guest{adapters: map[int]*simulated{}}
	g.answer(errand.Answer{})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var e errand.Errand
		var a errand.Answer
		err := json.Unmarshal(in.Bytes(), &e)
		if err == nil {
			err = g.do(e, &a)
		}
		if err != nil {
			a.Err = e.Do + ": " + err.Error()
		}
		g.answer(a)
	}
	return fmt.Errorf("the host is gone: %w", errors.Join(in.Err(), errors.New("end of input")))
}

func (g *guest) answer(a errand.Answer) {
	b, err := json.Marshal(a)
	if err == nil {
		_, err = fmt.Printf("\n%s%s\n", errand.Mark, b)
	}
	if err != nil {
		panic(err)
	}
}

// end restarts the machine, which QEMU takes for its end.
func end() {
	syscall.Sync()
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	panic("the machine is still on")
}

func prepare() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	// What the kernel prints would come between the words of an answer.
	if err := os.WriteFile("/proc/sys/kernel/printk", []byte("1"), 0); err != nil {
		return err
	}
	if err := raw(); err != nil {
		return fmt.Errorf("serial line: %w", err)
	}
	modules, err := filepath.Glob("/modules/*.ko") // numbered in the order of need
	if err != nil || len(modules) == 0 {
		return fmt.Errorf("no modules: %w", err)
	}
	slices.Sort(modules)
	for _, path := range modules {
		b, err := os.ReadFile(path)
		if err == nil {
			err = unix.InitModule(b, "")
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// raw has the line carry bytes as they are: no echo, and lines of any length.
func raw() error {
	t, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag &^= unix.ICRNL | unix.INLCR | unix.IGNCR | unix.IXON | unix.ISTRIP
	t.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	return unix.IoctlSetTermios(0, unix.TCSETS, t)
}
