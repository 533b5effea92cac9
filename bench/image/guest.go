package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// guest is a board that runs from the card until its power is cut.
type guest struct {
	qemu    *exec.Cmd
	socket  string // of QEMU's monitor
	pins    string // of its protocol for tests
	web     int    // port of this machine that leads to the card's web page
	cutOnce sync.Once

	mu    sync.Mutex
	lines []string
	ended bool
	more  chan struct{} // a line has come
}

// boot starts a board with the card. What the firmware of a real one would do is
// done here: the kernel's command line and the device tree are the card's.
func (c *card) boot(ctx context.Context) (*guest, error) {
	line, err := os.ReadFile(c.path("cmdline.txt"))
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, word := range strings.Fields(string(line)) {
		if !strings.HasPrefix(word, "console=") {
			kept = append(kept, word)
		}
	}
	web, err := freePort()
	if err != nil {
		return nil, err
	}
	c.boots++
	g := &guest{socket: c.path("monitor" + strconv.Itoa(c.boots)), pins: c.path("pins" + strconv.Itoa(c.boots)), web: web, more: make(chan struct{}, 1)}
	args := []string{"-M", "raspi3b", "-kernel", c.path("vmlinuz"), "-dtb", c.path(tree),
		"-drive", "if=sd,format=raw,file=" + c.file,
		// Time goes by instructions, 4 ns each: there is an interrupt of the USB host each
		// millisecond, and with little of a processor no time for anything else.
		"-icount", "shift=2,sleep=on",
		// The model's watchdog fires as soon as it is armed.
		"-append", "console=ttyAMA1,115200 initcall_blacklist=bcm2835_wdt_driver_init " + strings.Join(kept, " "),
		"-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "unix:" + g.socket + ",server=on,wait=off",
		"-qtest", "unix:" + g.pins + ",server=on,wait=off", "-qtest-log", "none",
		"-device", "tmp105,id=t0,address=0x48,bus=i2c-bus.1", "-netdev", fmt.Sprintf("user,id=n0,hostfwd=tcp:127.0.0.1:%d-:80", web), "-device", "usb-net,netdev=n0"}
	if c.share != "" {
		args = append(args, "-L", c.share)
	}
	g.qemu = exec.CommandContext(ctx, c.qemu, args...)
	out, err := g.qemu.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.qemu.Stderr = os.Stderr
	g.qemu.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.qemu.Start(); err != nil {
		return nil, err
	}
	fmt.Printf("== boot %d\n", c.boots)
	go g.listen(out)
	return g, nil
}

// freePort is one that nobody listens on now: QEMU does not tell which it took.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// listen keeps what is said on the console, until the end of the board.
func (g *guest) listen(out io.Reader) {
	s := bufio.NewScanner(out)
	for s.Scan() {
		text := strings.TrimRight(s.Text(), "\r")
		fmt.Println(text)
		g.add(text, false)
	}
	g.add("", true)
}

func (g *guest) add(line string, ended bool) {
	g.mu.Lock()
	g.lines, g.ended = append(g.lines, line), ended
	g.mu.Unlock()
	select {
	case g.more <- struct{}{}:
	default:
	}
}

// says waits for a text on the console.
func (g *guest) says(text string) error {
	late := time.After(hang)
	for at := 0; ; {
		g.mu.Lock()
		lines, ended := g.lines[at:], g.ended
		at = len(g.lines)
		g.mu.Unlock()
		for _, l := range lines {
			if strings.Contains(l, text) {
				return nil
			}
		}
		if ended {
			return fmt.Errorf("the board has ended and never said %q", text)
		}
		select {
		case <-g.more:
		case <-late:
			return fmt.Errorf("the board never said %q", text)
		}
	}
}

// heard is how often a text was on the console.
func (g *guest) heard(text string) (times int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.lines {
		times += strings.Count(l, text)
	}
	return times
}

// monitor gives QEMU an order and returns what it says.
func (g *guest) monitor(order string) (string, error) {
	m, err := g.open()
	if err != nil {
		return "", err
	}
	defer m.Close()
	return m.order(order)
}

// monitor is a connection to QEMU's monitor.
type monitor struct{ net.Conn }

const prompt = "(qemu) "

func (g *guest) open() (monitor, error) {
	conn, err := net.Dial("unix", g.socket)
	if err != nil {
		return monitor{}, err
	}
	m := monitor{conn}
	_ = m.SetDeadline(time.Now().Add(hang))
	if _, err := until(m, prompt); err != nil {
		m.Close()
		return monitor{}, err
	}
	return m, nil
}

func (m monitor) order(order string) (string, error) {
	_ = m.SetDeadline(time.Now().Add(hang))
	if _, err := io.WriteString(m, order+"\n"); err != nil {
		return "", err
	}
	said, err := until(m, prompt)
	if err == nil && strings.Contains(said, "Error") {
		err = fmt.Errorf("%s: %s", order, said)
	}
	return said, err
}

// word reads 32 bits at an address of the board.
func (m monitor) word(at uint32) (word uint32, err error) {
	said, err := m.order(fmt.Sprintf("xp /1xw %#x", at))
	if err != nil {
		return 0, err
	}
	_, text, _ := strings.Cut(said, fmt.Sprintf("%x: ", at))
	if _, err := fmt.Sscan(text, &word); err != nil {
		return 0, fmt.Errorf("the word at %#x: %q: %w", at, said, err)
	}
	return word, nil
}

// until reads up to a text that nothing follows until it is answered.
func until(r io.Reader, end string) (string, error) {
	var text []byte
	b := make([]byte, 4096)
	for !bytes.HasSuffix(text, []byte(end)) {
		n, err := r.Read(b)
		if err != nil {
			return "", err
		}
		text = append(text, b[:n]...)
	}
	return string(text), nil
}

// cut takes the power away.
func (g *guest) cut() {
	g.cutOnce.Do(func() {
		_ = g.qemu.Process.Kill()
		_ = g.qemu.Wait()
	})
}
