package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// first is the first process of the machine, and does not return.
func first() {
	signal.Ignore(syscall.SIGHUP) // the DHCP client tells gokrazy's init of an address
	if err := prepare(); err != nil {
		fmt.Println("guest:", err)
	} else {
		prove()
		fmt.Println(endMark)
	}
	syscall.Sync()
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	panic("the machine is still on")
}

// simulator is the module whose radios hear each other.
const simulator = "mac80211_hwsim"

func prepare() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return load(func(name string) bool { return !strings.Contains(name, simulator) })
}

// load inserts those of the modules, which are numbered in the order of need.
func load(wanted func(name string) bool) error {
	modules, err := filepath.Glob("/modules/*.ko")
	if err != nil || len(modules) == 0 {
		return fmt.Errorf("no modules: %w", err)
	}
	slices.Sort(modules)
	for _, path := range slices.DeleteFunc(modules, func(path string) bool { return !wanted(path) }) {
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

// folder is where the card's program looks for what was provisioned.
const folder = "/perm/fieldpost/current"

// provision puts a network's name there, and a password, or none.
func provision(name, password string) error {
	_ = os.Remove(folder + "/wifi-password")
	if password != "" {
		if err := os.WriteFile(folder+"/wifi-password", []byte(password+"\n"), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(folder+"/wifi-name", []byte("\ufeff"+name+"\r\n"), 0o600)
}

// card is the card's program in a life of its own.
type card struct {
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func start() (*card, error) {
	c := &card{cmd: exec.Command("/start", "wifi"), more: make(chan struct{}, 1)}
	out, err := c.cmd.StderrPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			fmt.Println(s.Text())
			c.mu.Lock()
			c.lines = append(c.lines, s.Text())
			c.mu.Unlock()
			select {
			case c.more <- struct{}{}:
			default:
			}
		}
	}()
	return c, nil
}

// end kills the program, without a chance to tidy up.
func (c *card) end() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// spoken is how many lines there were.
func (c *card) spoken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

// says waits for a line with these words, after the first so many.
func (c *card) says(words string, after int) string {
	const within = 3 * time.Minute
	for late := time.After(within); ; {
		c.mu.Lock()
		for _, line := range c.lines[min(after, len(c.lines)):] {
			if strings.Contains(line, words) {
				c.mu.Unlock()
				return strings.TrimPrefix(line, "wifi: ")
			}
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-late:
			return fmt.Sprintf("nothing of the kind within %v", within)
		}
	}
}

// accessPoint is what stands at the other end: a network of its own with a radio.
type accessPoint struct {
	holder  int // process that has the network
	running map[string]*exec.Cmd
}

const address = "10.9.0.1"

func newAccessPoint() (*accessPoint, error) {
	holder := exec.Command("/usr/bin/busybox", "sleep", "1000000")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := holder.Start(); err != nil {
		return nil, err
	}
	a := &accessPoint{holder.Process.Pid, map[string]*exec.Cmd{}}
	if out, err := exec.Command("/usr/sbin/iw", "phy", "phy1", "set", "netns", strconv.Itoa(a.holder)).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("iw: %w: %s", err, out)
	}
	for _, args := range [][]string{{"ip", "link", "set", "lo", "up"}, {"ip", "addr", "add", address + "/24", "dev", "wlan1"}} {
		if out, err := a.command("/usr/bin/busybox", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v: %w: %s", args, err, out)
		}
	}
	return a, nil
}

func (a *accessPoint) command(name string, args ...string) *exec.Cmd {
	return exec.Command("/usr/bin/busybox", append([]string{"nsenter", "-t", strconv.Itoa(a.holder), "-n", name}, args...)...)
}

// run keeps a program there until stop.
func (a *accessPoint) run(name string, args ...string) error {
	c := a.command(name, args...)
	a.running[args[0]] = c
	return c.Start()
}

func (a *accessPoint) stop(which string) {
	if c := a.running[which]; c != nil {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
		delete(a.running, which)
	}
}

const (
	beacon  = "/tmp/hostapd.conf"
	dhcpd   = "udhcpd"
	network = "workshop"
)

// on begins to send the network's name; more is what it wants of whoever joins.
func (a *accessPoint) on(more string) error {
	text := "interface=wlan1\ndriver=nl80211\nssid=" + network + "\nhw_mode=g\nchannel=6\n" + more
	if err := os.WriteFile(beacon, []byte(text), 0o600); err != nil {
		return err
	}
	return a.run("/usr/sbin/hostapd", beacon)
}

// off ends it as a person would: whoever is joined is told.
func (a *accessPoint) off() { a.stop(beacon) }

// fails ends it as a power cut would: nobody is told.
func (a *accessPoint) fails() error {
	_ = a.running[beacon].Process.Kill()
	_ = a.running[beacon].Wait()
	return a.command("/usr/bin/busybox", "ip", "link", "set", "wlan1", "down").Run()
}

// serve gives addresses, and something to fetch.
func (a *accessPoint) serve() error {
	text := "start 10.9.0.20\nend 10.9.0.40\ninterface wlan1\nlease_file /tmp/leases\npidfile /tmp/udhcpd.pid\noption subnet 255.255.255.0\noption router " + address + "\noption dns " + address + "\noption lease 600\n"
	if err := os.WriteFile("/tmp/udhcpd.conf", []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile("/tmp/leases", nil, 0o600); err != nil {
		return err
	}
	return a.run("/usr/bin/busybox", dhcpd, "-f", "/tmp/udhcpd.conf")
}

// fetched gets something from the other end.
func fetched() string {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/modules", nil)
	if err != nil {
		return err.Error()
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.Proto + " from " + address
}

// alive counts the processes of a program.
func alive(program string) (n int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == program {
			n++
		}
	}
	return n
}
