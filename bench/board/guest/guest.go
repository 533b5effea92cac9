package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"fieldpost/bench/board/errand"
)

// guest does errands.
type guest struct {
	background *exec.Cmd
	log        *os.File
	adapters   map[int]*simulated // by port
}

// logFile is where what runs in the background writes.
const logFile = "/tmp/log"

func (g *guest) do(e errand.Errand, a *errand.Answer) (err error) {
	switch e.Do {
	case errand.Write:
		// A file of sysfs must not be made anew.
		if err := os.MkdirAll(filepath.Dir(e.Path), 0o700); err != nil {
			return err
		}
		return os.WriteFile(e.Path, []byte(e.Text), 0o600)
	case errand.Read:
		b, err := os.ReadFile(e.Path)
		a.Out = string(b)
		return err
	case errand.Run:
		return run(e.Args, a)
	case errand.Start:
		return g.start(e.Args)
	case errand.Stop:
		return g.stop(a)
	case errand.Net:
		return address(e.Interface, e.Address)
	}
	return g.simulate(e, a)
}

func run(args []string, a *errand.Answer) error {
	var out, errs bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	a.Out, a.Errors = out.String(), errs.String()
	return exitCode(err, a)
}

// exitCode puts an end that was not good into the answer.
func exitCode(err error, a *errand.Answer) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		a.Code, err = exit.ExitCode(), nil
	}
	return err
}

func (g *guest) start(args []string) (err error) {
	if g.background != nil {
		return errors.New("something runs already")
	}
	if g.log, err = os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = g.log, g.log
	if err := cmd.Start(); err != nil {
		return errors.Join(err, g.log.Close())
	}
	g.background = cmd
	return nil
}

func (g *guest) stop(a *errand.Answer) error {
	if g.background == nil {
		return errors.New("nothing runs")
	}
	if err := g.background.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := exitCode(g.background.Wait(), a)
	g.background = nil
	return errors.Join(err, g.log.Close())
}

// address gives an interface its address, and raises it and the loopback.
func address(name, addr string) error {
	ip := net.ParseIP(addr).To4()
	if ip == nil {
		return fmt.Errorf("%q is no IPv4 address", addr)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := up(fd, "lo"); err != nil {
		return err
	}
	for _, set := range []struct {
		request uint
		value   []byte
	}{{unix.SIOCSIFADDR, ip}, {unix.SIOCSIFNETMASK, net.CIDRMask(24, 32)}} {
		r, err := unix.NewIfreq(name)
		if err == nil {
			err = r.SetInet4Addr(set.value)
		}
		if err == nil {
			err = unix.IoctlIfreq(fd, set.request, r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return up(fd, name)
}

func up(fd int, name string) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
