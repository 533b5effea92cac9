package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"fieldpost/bench/board/errand"
)

// hang is how long is waited for anything at all, on a machine that may have much
// else to do.
const hang = 10 * time.Minute

// guest is a running machine.
type guest struct {
	cmd     *exec.Cmd
	in      io.Writer
	answers chan errand.Answer
	ended   chan error
	mu      sync.Mutex
	console []string // the last lines
	qmp     string
	qtest   string
}

// boot starts QEMU and waits until its first process is ready.
func boot(ctx context.Context, o *options) (*guest, error) {
	g := &guest{
		answers: make(chan errand.Answer, 1), ended: make(chan error, 1),
		qmp: filepath.Join(o.work, "qmp"), qtest: filepath.Join(o.work, "qtest"),
	}
	g.cmd = exec.CommandContext(ctx, o.machine.qemu, o.machine.arguments(o, g.qmp, g.qtest)...)
	g.cmd.Stderr = os.Stderr
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := g.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	g.in = in
	go g.listen(out)
	if _, err := g.wait(ctx, "boot"); err != nil {
		g.kill()
		return nil, err
	}
	return g, nil
}

// listen takes answers from the console, until it ends.
func (g *guest) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		text, ok := strings.CutPrefix(line, errand.Mark)
		var a errand.Answer
		if ok && json.Unmarshal([]byte(text), &a) == nil {
			g.answers <- a
			continue
		}
		if line != "" {
			g.mu.Lock()
			g.console = append(g.console[max(len(g.console)-60, 0):], line)
			g.mu.Unlock()
		}
	}
	g.ended <- errors.Join(lines.Err(), g.cmd.Wait())
	close(g.answers)
}

func (g *guest) wait(ctx context.Context, what string) (errand.Answer, error) {
	select {
	case a, ok := <-g.answers:
		switch {
		case !ok:
			return a, fmt.Errorf("%s: the machine has ended; its console:\n%s", what, g.heard())
		case a.Err != "":
			return a, errors.New(a.Err)
		}
		return a, nil
	case <-ctx.Done():
		return errand.Answer{}, ctx.Err()
	case <-time.After(hang):
		return errand.Answer{}, fmt.Errorf("%s: the guest does not answer in %s; its console:\n%s", what, hang, g.heard())
	}
}

// heard is the end of what the console said beside answers.
func (g *guest) heard() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.console, "\n")
}

// do has the guest do one errand.
func (g *guest) do(ctx context.Context, e errand.Errand) (errand.Answer, error) {
	b, err := json.Marshal(e)
	if err == nil {
		_, err = g.in.Write(append(b, '\n'))
	}
	if err != nil {
		return errand.Answer{}, err
	}
	return g.wait(ctx, e.Do+" "+strings.Join(e.Args, " "))
}

// off ends the machine. From inside, not every board can.
func (g *guest) off() error {
	m, err := g.monitor()
	if err != nil {
		return err
	}
	defer m.conn.Close()
	if _, err := m.execute("quit", nil); err != nil {
		return err
	}
	select {
	case err := <-g.ended:
		g.ended <- err
		return err
	case <-time.After(hang):
		return errors.New("the machine does not end")
	}
}

// kill ends the machine from outside. It may be called again.
func (g *guest) kill() {
	_ = g.cmd.Process.Kill()
	g.ended <- <-g.ended
}
