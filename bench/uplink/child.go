package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"fieldpost/bench/desk"
)

// childLimit ends a child that hangs.
const childLimit = 5 * time.Minute

// spawn runs a task in a process of its own.
func (b *bench) spawn(ctx context.Context, p peer, t task) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, childLimit)
	defer cancel()
	exe, err := os.Executable()
	if err != nil {
		return a, err
	}
	if _, port, err := net.SplitHostPort(t.Address); p.foreign && err == nil {
		t.Connection += ";GatewayHostName=localhost:" + port
	}
	args, err := t.args()
	if err != nil {
		return a, err
	}
	if p.foreign {
		exe, args = "node", []string{b.node, args[1]}
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+t.CA)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return a, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return a, json.Unmarshal(out, &a)
}

// beChild is the other end of spawn.
func beChild(ctx context.Context, spec string, out io.Writer) error {
	var t task
	if err := json.Unmarshal([]byte(spec), &t); err != nil {
		return err
	}
	for _, p := range peers() {
		if p.name == t.Peer && p.send != nil {
			var m meter
			if err := p.send(ctx, t, &m); err != nil {
				return err
			}
			a, err := m.read()
			if err != nil {
				return err
			}
			return json.NewEncoder(out).Encode(a)
		}
	}
	return errors.New("no such peer")
}

// meter measures what lies between begin and end.
type meter struct {
	began, ended time.Time
	before, used time.Duration
}

func (m *meter) begin() {
	m.before, m.began = cpuTime(), time.Now()
}

func (m *meter) end() {
	m.ended, m.used = time.Now(), cpuTime()-m.before
}

func (m *meter) read() (answer, error) {
	if m.ended.IsZero() {
		return answer{}, errors.New("nothing was measured")
	}
	peak, err := desk.Peak(os.Getpid())
	return answer{Seconds: m.ended.Sub(m.began).Seconds(), CPU: m.used.Seconds(), Peak: peak}, err
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are right
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
