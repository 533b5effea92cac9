// Start is what the image runs in place of the agent: it looks on the card's boot
// partition for what a person has put there, lets the agent take it, and then runs
// the agent for as long as the board has power.
//
// The boot partition is mounted for that moment only, and for writing only when
// there is something to take or to tell: a FAT file system that is mounted for
// writing when the power goes may be damaged, and it holds the kernel.
//
// When a network's name was provisioned, it also runs itself a second time, to keep the
// board in that Wi-Fi.
//
// The agent's log goes to standard error, which gokrazy keeps the last lines of,
// and to the screen and the serial line, for whoever stands beside the board.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fieldpost/deploy/image/wifi"
)

const (
	agent = "/usr/bin/agent"

	permanent   = "/perm"           // the partition that keeps things
	provisioned = "/perm/fieldpost" // what was taken
	inForce     = provisioned + "/current"
	boot        = "/tmp/boot"
	given       = boot + "/fieldpost"
	told        = boot + "/fieldpost-error.txt"

	// webPassword is a file for this program among those for the agent.
	webPassword = "web-password"

	restartAfter = 5 * time.Second

	// What keeps the Wi-Fi is started again after up to longestRestart, and soon once more
	// when it has run for steady.
	longestRestart = 5 * time.Minute
	steady         = 10 * time.Minute

	// A worn card takes its time; the agent must be started all the same.
	provisionWithin = 5 * time.Minute

	// leftOpen is how long a program that has ended may keep its output open, in a
	// child of its own, and how long one that was told to end may take.
	leftOpen = 20 * time.Second
)

func main() {
	log.SetFlags(0)
	if len(os.Args) == 2 && os.Args[1] == wifiArg {
		log.SetPrefix("wifi: ")
		log.Fatal(wifi.Run(context.Background(), inForce, "/gokrazy/dhcp"))
	}
	log.SetPrefix("start: ")
	out := io.MultiWriter(append([]io.Writer{os.Stderr}, consoles("/dev/console", "/dev/tty1")...)...)
	log.SetOutput(out)
	if err := provision(out); err != nil {
		log.Print(err)
	}
	go serveWeb(filepath.Join(inForce, webPassword))
	if wanted(inForce) {
		go keepWiFi(context.Background(), out)
	}
	for {
		if err := run(out); err != nil {
			log.Printf("the agent ended: %v; it is started again in %v", err, restartAfter)
		}
		time.Sleep(restartAfter)
	}
}

// provision has the agent take what is on the boot partition.
func provision(out io.Writer) (err error) {
	device, err := bootPartition("/proc/mounts")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(boot, 0o700); err != nil {
		return err
	}
	const flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOATIME
	if err := syscall.Mount(device, boot, "vfat", flags|syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount the boot partition %s: %w", device, err)
	}
	defer func() { err = errors.Join(err, syscall.Unmount(boot, 0)) }()
	if !something() {
		return nil
	}
	if err := syscall.Mount(device, boot, "vfat", flags|syscall.MS_REMOUNT, ""); err != nil {
		log.Printf("the boot partition stays read-only: %v", err)
	}
	log.Print("taking what is on the boot partition")
	ctx, stop := context.WithTimeout(context.Background(), provisionWithin)
	defer stop()
	err = command(ctx, out, agent, provisionArgs()...).Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("provision: not done within %v", provisionWithin)
	case err != nil:
		return fmt.Errorf("provision: %w", err)
	}
	return nil
}

// provisionArgs have the agent refuse a set with a file that a program here would.
func provisionArgs() []string {
	return []string{"provision", "--from", given, "--to", provisioned,
		"--extra", fmt.Sprintf("%s:%d", webPassword, leastPassword),
		"--extra", fmt.Sprintf("%s:%d-%d", wifi.NameFile, wifi.LeastName, wifi.MostName),
		"--extra", fmt.Sprintf("%s:%d-%d", wifi.PasswordFile, wifi.LeastPassword, wifi.MostPassword)}
}

// command is a program that writes to out, and whose end nothing can hide.
func command(ctx context.Context, out io.Writer, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = out, out
	c.WaitDelay = leftOpen
	return c
}

// something reports whether the agent has to look at the boot partition.
func something() bool {
	files, _ := os.ReadDir(given)
	_, report := os.Lstat(told)
	_, unfinished := os.Lstat(inForce + "/.taken")
	return len(files) > 0 || report == nil || unfinished == nil
}

// bootPartition is the first one of the disk whose fourth is the permanent one.
func bootPartition(mounts string) (string, error) {
	text, err := os.ReadFile(mounts)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == permanent {
			if disk, ok := strings.CutSuffix(f[0], "4"); ok {
				return disk + "1", nil
			}
		}
	}
	return "", fmt.Errorf("%s names no fourth partition at %s: the card was not written whole", mounts, permanent)
}

// run runs the agent until it ends. Whoever stops this program stops it too.
func run(out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	c := command(ctx, out, agent, "run", "--provisioned", provisioned)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	err := c.Run()
	if ctx.Err() != nil {
		os.Exit(0)
	}
	return err
}
