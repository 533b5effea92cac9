package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"fieldpost/hub"
	"fieldpost/internal/diag"
)

// childOfTest makes this binary the program itself when a test starts it.
const childOfTest = "FIELDPOST_TEST_CHILD"

// TestMain makes this binary the program itself when a story or a test calls it.
func TestMain(m *testing.M) {
	if os.Getenv(childOfTest) != "" {
		os.Exit(program())
	}
	// Stories wait more than they compute: on few processors too they go together,
	// unless -parallel says how many.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"agent": func() { os.Exit(program()) }})
}

func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return dispatch(ctx, env{out: os.Stdout, err: os.Stderr, machine: onBench()}, os.Args[1:])
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=10") // by default each program sleeps a second at its end
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "mounts":
				return mayMount(), nil
			case "strangers":
				return mayBecome(), nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"says":     says,
			"shows":    shows,
			"stranger": stranger,
			"until":    until,
			"hub":      serveHub,
			"invoke":   invoke,
			"remember": remember,
			"spoil":    spoil,
			"disk":     smallDisk,
			"readonly": readOnly,
			"paste":    paste,
		},
	})
}

// exits runs a program and demands this exit code: exits CODE PROGRAM ARGS…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	ended(ts, args[0], ts.Exec(args[1], args[2:]...))
}

// says runs a program and demands this exit code, and that its output matches:
// says CODE REGEXP PROGRAM ARGS…
func says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: says CODE REGEXP PROGRAM ARGS…")
	}
	ended(ts, args[0], ts.Exec(args[2], args[3:]...))
	heard(ts, args[1], ts.ReadFile("stdout")+ts.ReadFile("stderr"))
}

// shows runs an agent's command that does not end by itself until its output
// matches, interrupts it, and demands this exit code: shows CODE REGEXP agent ARGS…
func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || args[2] != "agent" {
		ts.Fatalf("usage: shows CODE REGEXP agent ARGS…")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := started(ctx, ts, args[3:])
	out := &sought{pattern: regexp.MustCompile("(?m)" + args[1]), found: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, out
	ts.Check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	select {
	case <-out.found:
		_ = cmd.Process.Signal(os.Interrupt)
		err = <-done
	case err = <-done:
	}
	ts.Logf("%s", out.text.Bytes())
	heard(ts, args[1], out.text.String())
	ended(ts, args[0], err)
}

// started is the program with what the story tells it of its machine.
func started(ctx context.Context, ts *testscript.TestScript, args []string) *exec.Cmd {
	self, err := os.Executable()
	ts.Check(err)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), childOfTest+"=1", "GORACE="+ts.Getenv("GORACE"))
	for _, name := range []string{boardRoot, wallClock} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

// sought is output in which something is looked for.
type sought struct {
	pattern *regexp.Regexp
	found   chan struct{} // closed when it is there
	text    bytes.Buffer
	once    sync.Once
}

func (s *sought) Write(b []byte) (int, error) {
	s.text.Write(b)
	if s.pattern.Match(s.text.Bytes()) {
		s.once.Do(func() { close(s.found) })
	}
	return len(b), nil
}

// ended demands an exit code of a program that ended with err.
func ended(ts *testscript.TestScript, want string, err error) {
	code, is := 0, (*exec.ExitError)(nil)
	switch {
	case errors.As(err, &is):
		code = is.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, expected %s", code, want)
	}
}

// heard demands that the output of a program matches.
func heard(ts *testscript.TestScript, pattern, out string) {
	if !regexp.MustCompile("(?m)" + pattern).MatchString(out) {
		ts.Fatalf("%q does not match:\n%s", pattern, out)
	}
}

// until runs a program again and again until its output matches: until REGEXP PROGRAM ARGS…
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP PROGRAM ARGS…")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	var out string
	again := time.NewTicker(20 * time.Millisecond) // the processors are for the one that is asked
	defer again.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-again.C {
		_ = ts.Exec(args[1], args[2:]...)
		out = ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if pattern.MatchString(out) {
			return
		}
	}
	ts.Fatalf("%q never matched; last output:\n%s", args[0], out)
}

var wrongKey = regexp.MustCompile(`SharedAccessKey=.*`)

// serveHub runs a local hub for the rest of the story and writes what a device
// of that id needs: hub DEVICE CONNECTION-STRING-FILE CA-FILE. Beside the first it
// leaves one with a wrong key, named .wrong. While a file named refuse is there,
// the hub rejects all telemetry as too large.
func serveHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: hub DEVICE CONNECTION-STRING-FILE CA-FILE")
	}
	refuse := ts.MkAbs("refuse")
	h, err := hub.New(hub.Options{Outcome: func(hub.Event) hub.Settlement {
		if _, err := os.Stat(refuse); err == nil {
			return hub.RejectWith("amqp:link:message-size-exceeded", "too large for this hub")
		}
		return hub.Accept
	}})
	ts.Check(err)
	_, err = h.AddDevice(args[0])
	ts.Check(err)
	secret, err := h.DeviceConnectionString(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(secret), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]+".wrong"), []byte(wrongKey.ReplaceAllString(secret, "SharedAccessKey=d3Jvbmd3cm9uZ3dyb25nd3Jvbmc=")), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), h.CAPEM(), 0o600))
	hubs.Store(ts.Getenv("WORK"), h)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	ts.Defer(func() {
		cancel()
		<-done
	})
}

// hubs holds the hub of each story, by its folder.
var hubs sync.Map

// invoke calls a direct method, waits for the device to listen, and demands status
// and a payload that matches: invoke DEVICE METHOD PAYLOAD STATUS REGEXP
func invoke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: invoke DEVICE METHOD PAYLOAD STATUS REGEXP")
	}
	h, ok := hubs.Load(ts.Getenv("WORK"))
	if !ok {
		ts.Fatalf("no hub in this story")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := h.(*hub.Hub).InvokeMethod(ctx, args[0], hub.Method{Name: args[1], Payload: json.RawMessage(args[2]), ConnectTimeout: time.Minute})
	ts.Check(err)
	ts.Logf("%d %s", r.Status, r.Payload)
	if strconv.Itoa(r.Status) != args[3] || !regexp.MustCompile(args[4]).Match(r.Payload) {
		ts.Fatalf("want %s with %s", args[3], args[4])
	}
}

// remember keeps what the standard output holds where REGEXP has its group, for
// the rest of the story: remember NAME REGEXP
func remember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: remember NAME REGEXP")
	}
	out := ts.ReadFile("stdout")
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(out)
	if len(found) != 2 {
		ts.Fatalf("no group of %q in:\n%s", args[1], out)
	}
	ts.Setenv(args[0], found[1])
}

// spoil writes garbage over the better part of a file, its two first pages left:
// spoil FILE
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: spoil FILE")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	defer f.Close()
	info, err := f.Stat()
	ts.Check(err)
	const metas = 2 * 4096
	if info.Size() <= metas {
		ts.Fatalf("%s has %d bytes only", args[0], info.Size())
	}
	_, err = f.WriteAt(bytes.Repeat([]byte{0xA5}, int(info.Size()-metas)), metas)
	ts.Check(err)
}

// paste makes a configuration of what a probe printed as JSON, for a gateway1 of the
// story's hub: paste FILE
func paste(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: paste FILE")
	}
	var found diag.Probe
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &found))
	text := "version = 1\n[agent]\nstate_dir = \"state\"\nsocket = \"agent.sock\"\n[hub]\nconnection_string_file = \"gateway1.cs\"\nca_file = \"hub-ca.pem\"\n" + found.Config
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
