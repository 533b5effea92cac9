package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// hangLimit is far beyond anything a story waits for.
const hangLimit = 60 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hub": main})
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=10") // by default each program sleeps a second at its end
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"serve":       serveInBackground,
			"telemetry":   telemetry,
			"device":      device,
			"vacant":      vacant,
			"certificate": certificate,
			"methods":     methods,
			"report":      reportTwin,
			"until":       until,
			"unpack":      unpack,
		},
	})
}

// exits CODE COMMAND...: runs the command, which must end with this code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// until TEXT COMMAND...: runs the command again and again until its output has the text.
func until(ts *testscript.TestScript, _ bool, args []string) {
	for hang := time.Now().Add(hangLimit); time.Now().Before(hang); {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
	}
	ts.Fatalf("%v never said %q", args[1:], args[0])
}

// serve FILE FLAGS...: hub serve --json until the story ends; its first line is
// in FILE. Paths in the flags have to be absolute.
func serveInBackground(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var code int
	var served sync.WaitGroup
	served.Go(func() {
		code = run(ctx, append([]string{"serve", "--json", "--feedback-every", "10ms"}, args[1:]...), strings.NewReader(""), in, io.Discard)
		in.Close()
	})
	ts.Defer(func() {
		cancel()
		served.Wait()
		if code != exitOK {
			ts.Fatalf("hub serve ended with exit code %d", code)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(line), 0o600))
}

// vacant FILE: writes a service connection string with a port where nothing
// listens. The near end of a connection holds it: a port that is merely closed
// could be the next one that another story's hub gets.
func vacant(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	_, port, err := net.SplitHostPort(conn.LocalAddr().String())
	ts.Check(err)
	text := "HostName=localhost:" + port + ";SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// telemetry HUBFILE DEVICE BODY...: sends each body as the device.
func telemetry(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), hangLimit)
	defer cancel()
	d, err := dialDevice(ctx, ts.MkAbs(args[0]), args[1])
	ts.Check(err)
	defer d.conn.Close()
	for i, body := range args[2:] {
		ts.Check(d.send(ctx, fmt.Sprintf("message-%d", i+1), body))
	}
}

// device HUBFILE DEVICE VERDICT: from now on the device answers every message
// with accept, reject or release.
func device(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	d, err := dialDevice(ctx, ts.MkAbs(args[0]), args[1])
	if err != nil {
		cancel()
		ts.Check(err)
	}
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		d.settle(ctx, args[2])
	}()
	ts.Defer(func() {
		cancel()
		<-settled
		d.conn.Close()
	})
}

// methods HUBFILE DEVICE STATUS: from now on the device replies to every direct
// method with this status and the payload it got.
func methods(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	d, err := dialDevice(ctx, ts.MkAbs(args[0]), args[1])
	if err != nil {
		cancel()
		ts.Check(err)
	}
	status, err := strconv.ParseInt(args[2], 10, 32)
	ts.Check(err)
	ready, replied := make(chan error), make(chan struct{})
	go func() {
		defer close(replied)
		d.replyToMethods(ctx, int32(status), ready)
	}()
	ts.Defer(func() {
		cancel()
		<-replied
		d.conn.Close()
	})
	ts.Check(<-ready)
}

// report HUBFILE DEVICE JSON: the device reports these properties.
func reportTwin(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), hangLimit)
	defer cancel()
	d, err := dialDevice(ctx, ts.MkAbs(args[0]), args[1])
	ts.Check(err)
	defer d.conn.Close()
	ts.Check(d.report(ctx, args[2]))
}

// unpack HUBFILE: puts its parts into service.txt, ca.pem and $REST.
func unpack(ts *testscript.TestScript, _ bool, args []string) {
	var file hubFile
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &file))
	ts.Check(os.WriteFile(ts.MkAbs("service.txt"), []byte(file.Service), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), []byte(file.CA), 0o600))
	ts.Setenv("REST", file.REST)
}
