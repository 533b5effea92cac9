//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asStranger runs the program as a user who is neither root nor the agent's.
func asStranger(t *testing.T, dir string, args ...string) (code int, out string) {
	t.Helper()
	const nobody = 65534
	var both bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), childOfTest+"=1")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &both, &both
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), both.String()
}

// What a user hears who may not do a thing: which user, and who may.
func TestRightsAreToldInWords(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir, err := os.MkdirTemp("", "rights") // a folder of t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := "version = 1\n[agent]\nstate_dir = \"state\"\nsocket = \"s\"\n[commands]\nallow_local = [\"ping\"]\n"
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "agent.toml"), []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	agent := exec.CommandContext(t.Context(), "/proc/self/exe", "run", "--config", "agent.toml")
	agent.Env, agent.Dir = append(os.Environ(), childOfTest+"=1"), dir
	agent.Cancel = func() error { return agent.Process.Signal(syscall.SIGTERM) }
	agent.WaitDelay = time.Minute
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if info, err := os.Stat(filepath.Join(dir, "state", "queue.db")); err == nil && info.Size() > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the agent does not start")
		}
	}
	t.Cleanup(func() {
		_ = agent.Process.Signal(syscall.SIGTERM)
		_ = agent.Wait()
	})

	const closed = "hint: run it as root or as a member of the socket's group\n"
	for _, command := range [][]string{
		{"status"}, {"top", "--once"}, {"sensors"}, {"sensors", "read", "room"}, {"queue"}, {"queue", "peek"}, {"queue", "export"}, {"queue", "flush"},
		{"queue", "dead"}, {"commands"}, {"commands", "run", "ping"}, {"tail"}, {"log"}, {"loglevel"}, {"probe"},
	} {
		code, out := asStranger(t, dir, append(command, "--socket", "s")...)
		if code != exitFailure || !strings.Contains(out, "agent: socket s: connect: permission denied") || !strings.HasSuffix(out, closed) {
			t.Errorf("%v without the socket's group: exit code %d\n%s", command, code, out)
		}
	}

	// In place of a group that the other user would be a member of.
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	const owner = "agent: user 65534 may look and not change\nhint: run it as root or as the agent's user\n"
	const within = "agent: user 65534 may not see this: it shows the program from within\nhint: run it as root or as the agent's user\n"
	for _, c := range []struct {
		command string
		code    int
		want    string
	}{
		{"sensors", exitOK, ""},
		{"queue", exitOK, "queue: "},
		{"queue peek", exitOK, "event=agent-started"},
		{"queue flush", exitFailure, owner},
		{"queue dead retry --all", exitFailure, owner},
		{"queue dead drop --all", exitFailure, owner},
		{"commands", exitOK, "no command was received yet"},
		{"commands run ping", exitFailure, owner},
		{"loglevel", exitOK, "info\n"},
		{"loglevel debug", exitFailure, owner},
		{"probe", exitFailure, owner},
		{"bundle -o -", exitFailure, within},
	} {
		code, out := asStranger(t, dir, append(strings.Fields(c.command), "--socket", "s")...)
		exact := c.want == owner || c.want == within
		if code != c.code || exact && out != c.want || !strings.Contains(out, c.want) {
			t.Errorf("%s as a member of the group: exit code %d, want %d\n%s", c.command, code, c.code, out)
		}
	}

	// What is no question to the agent.
	for _, c := range []struct {
		command string
		code    int
		want    string
	}{
		{"check --config agent.toml", exitConfig, "agent.toml: cannot be read: permission denied\nhint: run it as root or as the agent's user\n"},
		{"run --config agent.toml", exitConfig, "agent.toml: cannot be read: permission denied\nhint: run it as root or as the agent's user\n"},
		{"fsck --store state", exitStore, "permission denied\nhint: run it as root or as the agent's user\n"},
		{"commands --store state", exitStore, "permission denied\nhint: run it as root or as the agent's user\n"},
	} {
		if code, out := asStranger(t, dir, strings.Fields(c.command)...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, want %d\n%s", c.command, code, c.code, out)
		}
	}
}
