// Command grid lets a built agent sample many simulated sensors by the clock and holds
// its own counters to it: every tick that was due is a sample, a failure or missed.
//
//	grid [-sensors 200] [-every 100ms] [-lasts 1m] [-title TEXT] AGENT...
//
// AGENT is the program, with an emulator ahead of it or not. A row of a table goes to
// stdout; the exit code is 1 when a tick is not accounted for. It is not judged how many are missed:
// that belongs to the machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	hang = time.Minute // until the agent answers
	// edge is by how many ticks of a sensor two looks may be off: an agent that is behind
	// when it is looked at has not counted yet what it will have missed.
	edge = 10
)

func main() {
	sensors := flag.Int("sensors", 200, "sensors")
	every := flag.Duration("every", 100*time.Millisecond, "between two ticks of a sensor")
	lasts := flag.Duration("lasts", time.Minute, "how long")
	title := flag.String("title", "native", "what stands ahead of the row")
	head := flag.Bool("head", false, "print the head of the table first")
	flag.Parse()
	if err := run(*sensors, *every, *lasts, *title, *head, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "grid:", err)
		os.Exit(1)
	}
}

// counted is what the agent says of one sensor.
type counted struct {
	Name                      string
	Samples, Failures, Missed uint64
}

func (c counted) all() uint64 { return c.Samples + c.Failures + c.Missed }

// look is the agent's report, and when it was asked for and had.
type look struct {
	asked, had time.Time
	sensors    []counted
}

func run(sensors int, every, lasts time.Duration, title string, head bool, command []string) (err error) {
	if len(command) == 0 {
		return errors.New("usage: grid [-sensors N] [-every D] [-lasts D] AGENT...")
	}
	dir, err := os.MkdirTemp("", "grid")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var text strings.Builder
	text.WriteString("version = 1\n[agent]\nstate_dir = \"state\"\nsocket = \"s\"\n")
	for i := range sensors {
		fmt.Fprintf(&text, "[[sensor]]\nname = \"s%d\"\nsource = \"simulated\"\nevery = %q\n", i, every)
	}
	file := filepath.Join(dir, "agent.toml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return err
	}
	agent := exec.Command(command[0], append(command[1:], "run", "--config", file)...)
	agent.Stderr = os.Stderr
	if err := agent.Start(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, agent.Process.Signal(syscall.SIGTERM), agent.Wait())
	}()

	client := &http.Client{Timeout: hang, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "s"))
	}}}
	var first look
	for limit := time.Now().Add(hang); ; time.Sleep(100 * time.Millisecond) {
		if first, err = ask(client); err == nil && first.begun(sensors) {
			break
		}
		if time.Now().After(limit) {
			return fmt.Errorf("the agent does not sample: %w", err)
		}
	}
	time.Sleep(lasts)
	last, err := ask(client)
	if err != nil {
		return err
	}
	return judge(first, last, every, title, head)
}

// begun reports whether every sensor was asked once.
func (l look) begun(sensors int) bool {
	for _, s := range l.sensors {
		if s.all() == 0 {
			return false
		}
	}
	return len(l.sensors) == sensors
}

func ask(client *http.Client) (l look, err error) {
	l.asked = time.Now()
	answer, err := client.Get("http://agent/v1/sensors")
	if err != nil {
		return l, err
	}
	defer answer.Body.Close()
	var report struct{ Sensors []counted }
	err = json.NewDecoder(answer.Body).Decode(&report)
	l.had, l.sensors = time.Now(), report.Sensors
	return l, err
}

// judge compares what was counted between two looks with what was due.
func judge(first, last look, every time.Duration, title string, head bool) error {
	least, most := last.asked.Sub(first.had), last.had.Sub(first.asked)
	low, high := max(int64(least/every)-edge, 0), int64(most/every)+edge
	var due, strange, samples, failures, missed uint64
	for i, s := range last.sensors {
		was := first.sensors[i]
		samples, failures, missed = samples+s.Samples-was.Samples, failures+s.Failures-was.Failures, missed+s.Missed-was.Missed
		due += uint64((least + most) / 2 / every)
		if n := int64(s.all() - was.all()); n < low || n > high {
			strange++
			fmt.Fprintf(os.Stderr, "%s: %d ticks are counted, between %d and %d were due\n", s.Name, n, low, high)
		}
	}
	if head {
		fmt.Printf("%-8s %8s %8s %8s %10s %10s %9s %9s %26s\n", "agent", "sensors", "every", "lasts", "due", "samples", "failures", "missed", "sensors not accounted for")
	}
	fmt.Printf("%-8s %8d %8s %8s %10d %10d %9d %9d %26d\n", title, len(last.sensors), every, least.Round(100*time.Millisecond), due, samples, failures, missed, strange)
	if strange > 0 {
		return fmt.Errorf("%d sensors have ticks that are not accounted for", strange)
	}
	return nil
}
