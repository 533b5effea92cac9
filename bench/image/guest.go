package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// guest is a board that runs from the card until its power is cut.
type guest struct {
	qemu    *exec.Cmd
	socket  string
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
	c.boots++
	g := &guest{socket: c.path("monitor" + strconv.Itoa(c.boots)), more: make(chan struct{}, 1)}
	args := []string{"-M", "raspi3b", "-kernel", c.path("vmlinuz"), "-dtb", c.path("bcm2710-rpi-3-b.dtb"),
		"-drive", "if=sd,format=raw,file=" + c.file,
		// The model's watchdog fires as soon as it is armed.
		"-append", "console=ttyAMA1,115200 initcall_blacklist=bcm2835_wdt_driver_init " + strings.Join(kept, " "),
		"-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "unix:" + g.socket + ",server=on,wait=off",
		"-device", "tmp105,id=t0,address=0x48,bus=i2c-bus.1", "-netdev", "user,id=n0", "-device", "usb-net,netdev=n0"}
	if c.share != "" {
		args = append(args, "-L", c.share)
	}
	g.qemu = exec.CommandContext(ctx, c.qemu, args...)
	out, err := g.qemu.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.qemu.Stderr = os.Stderr
	if err := g.qemu.Start(); err != nil {
		return nil, err
	}
	fmt.Printf("== boot %d\n", c.boots)
	go g.listen(out)
	return g, nil
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

// monitor gives QEMU an order.
func (g *guest) monitor(order string) error {
	conn, err := net.Dial("unix", g.socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(hang))
	const prompt = "(qemu) "
	if _, err := until(conn, prompt); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, order+"\n"); err != nil {
		return err
	}
	said, err := until(conn, prompt)
	if err == nil && strings.Contains(said, "Error") {
		err = fmt.Errorf("%s: %s", order, said)
	}
	return err
}

// until reads up to a text.
func until(r io.Reader, end string) (string, error) {
	var text strings.Builder
	b := make([]byte, 1)
	for !strings.HasSuffix(text.String(), end) {
		if _, err := r.Read(b); err != nil {
			return "", err
		}
		text.Write(b)
	}
	return text.String(), nil
}

// cut takes the power away.
func (g *guest) cut() {
	g.cutOnce.Do(func() {
		_ = g.qemu.Process.Kill()
		_ = g.qemu.Wait()
	})
}
