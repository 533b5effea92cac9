//go:build linux && proof

package crash

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is QEMU with a guest in it. Its disks are vda, vdb and so on.
type machine struct {
	t       testing.TB
	cmd     *exec.Cmd
	in      io.Writer
	out     *bufio.Reader
	console string
	mark    func(line string) // is given the lines of the guest's agent
	stuck   *time.Timer
}

// boot starts a machine on disk images and waits until its guest is ready. A write
// that the guest was told is done is in the host's page cache, and survives the
// end of QEMU: these disks do not lose what they have taken.
func boot(t testing.TB, initrd string, disks ...string) (*machine, error) {
	t.Helper()
	dir := t.TempDir()
	m := &machine{t: t, console: filepath.Join(dir, "console"), mark: func(line string) { t.Errorf("nobody asked for %q", line) }}
	args := []string{
		"-M", "q35", "-accel", "tcg", "-cpu", "qemu64,+rdrand", "-smp", "1", "-m", "512", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", filepath.Join(*kernel, "vmlinuz"), "-initrd", initrd,
		"-append", "console=ttyS0 quiet panic=-1 no_timer_check " + role + "=guest",
		"-serial", "file:" + m.console,
		"-chardev", "stdio,id=port,signal=off", "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port",
	}
	for _, d := range disks {
		args = append(args, "-drive", "if=virtio,format=raw,cache=writeback,file="+d)
	}
	m.cmd = exec.Command(qemu, args...)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test that panics leaves no machine behind
	var stderr limited
	m.cmd.Stderr = &stderr
	in, err := m.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(m.kill)
	m.in, m.out = in, bufio.NewReaderSize(out, 1<<20)
	m.stuck = time.AfterFunc(10*hang, func() { m.cmd.Process.Kill() })
	if _, err := m.answer(); err != nil {
		return nil, fmt.Errorf("the machine does not start: %w\n%s", err, stderr.String())
	}
	return m, nil
}

// kill ends the machine as a power cut does, but for what its disks have taken.
func (m *machine) kill() {
	m.stuck.Stop()
	if m.cmd.ProcessState == nil {
		m.cmd.Process.Kill()
		m.cmd.Wait()
	}
}

// try sends the guest on an errand; the error is the machine's end.
func (m *machine) try(e errand) (answer, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return answer{}, err
	}
	m.stuck.Reset(10 * hang)
	if _, err := m.in.Write(append(b, '\n')); err != nil {
		return answer{}, m.ended(err)
	}
	return m.answer()
}

// do is try, where the errand has to succeed.
func (m *machine) do(e errand) answer {
	m.t.Helper()
	a, err := m.try(e)
	if err != nil {
		m.t.Fatal(err)
	}
	if a.Err != "" {
		m.t.Fatalf("guest: %s", a.Err)
	}
	return a
}

// answer reads lines until one is the guest's answer; the others are marks.
func (m *machine) answer() (a answer, err error) {
	for {
		line, err := m.out.ReadString('\n')
		if err != nil {
			return a, m.ended(err)
		}
		if text, ok := strings.CutPrefix(line, "answer "); ok {
			return a, json.Unmarshal([]byte(text), &a)
		}
		m.mark(line)
	}
}

// follow reads n marks of the running agent.
func (m *machine) follow(n int) {
	m.t.Helper()
	for range n {
		line, err := m.out.ReadString('\n')
		if err != nil {
			m.t.Fatal(m.ended(err))
		}
		m.mark(line)
	}
}

// cut kills the machine and takes in what it had still said: a line without end
// was never wholly said.
func (m *machine) cut() {
	m.t.Helper()
	m.stuck.Stop()
	if err := m.cmd.Process.Kill(); err != nil {
		m.t.Error(err)
	}
	for {
		line, err := m.out.ReadString('\n')
		if err != nil {
			break
		}
		m.mark(line)
	}
	m.cmd.Wait()
}

// ended describes a machine that has ended by itself.
func (m *machine) ended(err error) error {
	m.kill()
	text, rerr := os.ReadFile(m.console)
	if rerr != nil {
		text = []byte(rerr.Error())
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("the machine ended: %w: %s; its console: %s", err, m.cmd.ProcessState, strings.Join(lines[max(len(lines)-120, 0):], "\n"))
}
