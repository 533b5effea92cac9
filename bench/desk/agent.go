package desk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Agent is a built agent with a folder of its own.
type Agent struct {
	Binary string
	Dir    string // configuration, state and log are made here; the socket's path must stay short
	Hub    *Hub
	// Address is where to dial, if not at the host of the connection string.
	Address string
	Sensors int           // simulated ones; default 1
	Every   time.Duration // between two samples of each; default 100ms

	cmd   *exec.Cmd
	log   *os.File
	ended chan error
}

// Prepare writes the configuration and what it points to.
func (a *Agent) Prepare() error {
	var text strings.Builder
	fmt.Fprintf(&text, "version = 1\n[agent]\nstate_dir = \"state\"\nsocket = \"socket\"\nlog_level = \"debug\"\n"+
		"[hub]\nconnection_string_file = \"connection-string\"\nca_file = \"ca.pem\"\n")
	if a.Address != "" {
		fmt.Fprintf(&text, "address = %q\n", a.Address)
	}
	// The estimate of wear would stretch the time between two commits.
	text.WriteString("[store]\ncommit_every = \"1s\"\ndaily_writes = \"100GiB\"\n")
	for i := range max(a.Sensors, 1) {
		every := a.Every
		if every == 0 {
			every = 100 * time.Millisecond
		}
		fmt.Fprintf(&text, "[[sensor]]\nname = \"s%d\"\nsource = \"simulated\"\nevery = %q\n", i, every)
	}
	for name, content := range map[string]string{
		"agent.toml": text.String(), "connection-string": a.Hub.Connection, "ca.pem": string(a.Hub.CAPEM()),
	} {
		if err := os.WriteFile(filepath.Join(a.Dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Args is the command line of the agent.
func (a *Agent) Args() []string {
	return []string{a.Binary, "run", "--config", filepath.Join(a.Dir, "agent.toml")}
}

// Start runs cmd, which becomes the agent; default the agent itself. It dies with
// the thread that started it, which must live on until Stop.
func (a *Agent) Start(cmd *exec.Cmd) error {
	if cmd == nil {
		args := a.Args()
		cmd = exec.Command(args[0], args[1:]...)
	}
	log, err := os.Create(filepath.Join(a.Dir, "log"))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	a.cmd, a.log, a.ended = cmd, log, make(chan error, 1)
	go func() { a.ended <- cmd.Wait() }()
	return nil
}

// PID of the running agent.
func (a *Agent) PID() int { return a.cmd.Process.Pid }

// stopTime is how long an agent may take to stop; its own limit is ten seconds.
const stopTime = 60 * time.Second

// Stop ends the agent in order. It may be called again.
func (a *Agent) Stop() error {
	if a.cmd == nil {
		return nil
	}
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	var err error
	select {
	case err = <-a.ended:
	case <-time.After(stopTime):
		_ = a.cmd.Process.Kill()
		err = errors.Join(fmt.Errorf("the agent does not stop in %s", stopTime), <-a.ended)
	}
	a.cmd = nil
	return errors.Join(err, a.log.Close())
}

// Tail is the end of the agent's log.
func (a *Agent) Tail() string {
	text, err := os.ReadFile(filepath.Join(a.Dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(len(lines)-30, 0):], "\n")
}
