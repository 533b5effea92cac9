//go:build linux

package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/board"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

// The supervisor hears of an agent that is up when every sensor was asked and the
// socket answers, without any hub.
func TestReady(t *testing.T) {
	systemd, notify := supervised(t, "")
	asked := make(chan struct{})
	r := run(t, load(t, cabinet), Parts{Notify: notify, Buses: busesFunc(func(string) (i2c.BusCloser, error) {
		<-asked
		return nil, errors.New("no such bus")
	})})
	var heard []string
	hear := func(what string) func() bool {
		return func() bool {
			heard = append(heard, systemd.heard()...)
			return slices.ContainsFunc(heard, func(s string) bool { return strings.HasPrefix(s, what) })
		}
	}
	r.until("a first look", hear("STATUS="))
	if slices.Contains(heard, board.NotifyReady) {
		t.Fatalf("ready before a sensor was asked: %q", heard)
	}
	close(asked)
	r.until("ready", hear(board.NotifyReady))
	if !r.answers(t.Context()) {
		t.Error("ready, and the socket does not answer")
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	heard = append(heard, systemd.heard()...)
	if last := heard[len(heard)-2:]; !slices.Equal(last, []string{"STOPPING=1", "STATUS=stopping"}) {
		t.Errorf("the last words are %q", last)
	}
}

// A supervisor would kill an agent that cannot be asked: it samples all the same.
func TestReadyWithoutASocket(t *testing.T) {
	systemd, notify := supervised(t, "")
	synctest.Test(t, func(t *testing.T) {
		r, _ := virtual(t, watched, Parts{Notify: notify})
		time.Sleep(readyWithin - time.Second)
		if heard := systemd.heard(); slices.Contains(heard, board.NotifyReady) {
			t.Errorf("ready without a socket: %q", heard)
		}
		time.Sleep(3 * time.Second)
		if heard := systemd.heard(); !slices.Contains(heard, board.NotifyReady) {
			t.Errorf("never ready: %q", heard)
		}
		time.Sleep(time.Hour)
		if heard := systemd.heard(); len(heard) > 2 || slices.ContainsFunc(heard, func(s string) bool { return strings.Contains(s, "next attempt") }) {
			t.Errorf("told in an hour without a change: %q", heard)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A supervisor that is too busy to listen hears of it later.
func TestReadyIsSaidAgain(t *testing.T) {
	systemd, notify := supervised(t, "")
	if err := os.Rename(systemd.path, systemd.path+"-away"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r, _ := virtual(t, watched, Parts{Notify: notify})
		time.Sleep(2 * readyWithin)
		if err := os.Rename(systemd.path+"-away", systemd.path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * informEvery)
		heard := systemd.heard()
		if len(heard) != 2 || !slices.Contains(heard, board.NotifyReady) || !strings.HasPrefix(heard[1], "STATUS=") {
			t.Errorf("heard %q", heard)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A restart by command goes on in the same process, which a supervisor that was told
// of a stop would end.
func TestRestartIsNoStop(t *testing.T) {
	systemd, notify := supervised(t, "")
	r := run(t, load(t, cabinet), Parts{Notify: notify})
	r.leave(ErrRestart)
	if err := r.wait(); !errors.Is(err, ErrRestart) {
		t.Fatal(err)
	}
	if heard := systemd.heard(); slices.Contains(heard, board.NotifyStopping) {
		t.Errorf("told %q", heard)
	}
}

func TestInShort(t *testing.T) {
	var s diag.Status
	s.Judge([]diag.Part{{Part: "board", State: diag.OK, Reason: "a Pi"}})
	if got := inShort(s); got != "waiting: buses: not reported" {
		t.Error(got)
	}
	s.Judge([]diag.Part{{Part: "network", State: diag.Broken, Reason: "no route; next attempt in 4 s"}})
	if got := inShort(s); got != "broken: network: no route" {
		t.Error(got)
	}
	s.Chain = nil
	if got := inShort(s); got != "ok" {
		t.Error(got)
	}
}

// The next start tells of a loop that had stalled, once.
func TestStallIsRecalled(t *testing.T) {
	fake := clock.NewFake(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC))
	boot := fake.Now().Boot
	for _, c := range []struct {
		boot  string
		reset bool
	}{{hex.EncodeToString(boot[:]), false}, {"00112233445566778899aabbccddeeff", true}} {
		cfg := load(t, "")
		note := filepath.Join(cfg.Agent.StateDir, stallFile)
		text := `{"loops":["committing"],"boot":"` + c.boot + `","at":"2030-12-31T23:00:00Z"}`
		if err := errors.Join(os.MkdirAll(cfg.Agent.StateDir, 0o700), os.WriteFile(note, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		r := run(t, cfg, Parts{Clock: fake})
		r.until("the event", func() bool { _, err := os.Stat(note); return os.IsNotExist(err) })
		if s := r.Status().Board.LastStall; s == nil || s.Reset != c.reset || !slices.Equal(s.Loops, []string{"committing"}) || s.At.IsZero() {
			t.Errorf("status tells %+v", s)
		}
		records, err := r.store.Peek(context.Background(), store.Alarm, 100)
		if err != nil || !slices.ContainsFunc(records, func(rec store.Record) bool {
			return rec.Props["event"] == "loop-stalled" && strings.Contains(string(rec.Body), "committing") && strings.Contains(string(rec.Body), "board was reset") == c.reset
		}) {
			t.Errorf("no event among %d records, %v", len(records), err)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r = run(t, cfg, Parts{Clock: fake})
		r.until("the store", func() bool { return r.Stats().Ready })
		if s := r.Status().Board.LastStall; s != nil {
			t.Errorf("told again: %+v", s)
		}
	}
}

// A device that cannot be had is told of, and stops nothing; it is taken when it comes.
func TestWatchdogThatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dogs{fault: &board.Error{Op: "open", Thing: "watchdog /dev/watchdog", Err: os.ErrNotExist}}
		r, _ := virtual(t, watched, Parts{Dogs: d})
		time.Sleep(time.Minute)
		if p := part(r.Status(), "board"); p.State != diag.OK || !strings.Contains(p.Reason, "open watchdog /dev/watchdog") || !strings.Contains(p.Hint, "dtparam=watchdog=on") {
			t.Errorf("board %+v", p)
		}
		d.mend()
		time.Sleep(time.Minute)
		if p := part(r.Status(), "board"); p.Hint != "" || r.Status().Board.Watchdog.TimeoutS != 15 || time.Since(d.last()) > 5*time.Second {
			t.Errorf("board %+v", p)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// Check tells of a watchdog that is not there, and does not start one that is.
func TestCheckLooksForTheWatchdog(t *testing.T) {
	device := filepath.Join(t.TempDir(), "watchdog")
	cfg := load(t, "[board]\nwatchdog = \""+device+"\"\n")
	told := func() bool {
		return slices.ContainsFunc(CheckFiles(cfg, clock.System().Now()), func(p config.Problem) bool {
			return p.Key == "board.watchdog" && strings.Contains(p.Hint, "dtparam=watchdog=on")
		})
	}
	if !told() {
		t.Error("a watchdog that is missing is not told of")
	}
	if err := os.WriteFile(device, nil, 0o000); err != nil {
		t.Fatal(err)
	}
	if told() {
		t.Error("one that is there is told of")
	}
}

// Check tells of a light that is not there, and switches none that is.
func TestCheckLooksForTheLight(t *testing.T) {
	root := t.TempDir()
	cfg := load(t, "[board]\nled = \"ACT\"\n")
	told := CheckLight(cfg, root, board.Host())
	if len(told) != 1 || told[0].Key != "board.led" || !strings.Contains(told[0].Message, "look at light ACT: no such LED, and as a line: find line ACT: ") ||
		!strings.Contains(told[0].Hint, "/sys/class/leds") {
		t.Errorf("told of a light that is missing: %v", told)
	}
	led := filepath.Join(root, "sys/class/leds/ACT")
	if err := os.MkdirAll(led, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, led, map[string][]byte{"brightness": []byte("7"), "trigger": []byte("[mmc0]")})
	if told := CheckLight(cfg, root, board.Host()); len(told) > 0 {
		t.Errorf("told of one that is there: %v", told)
	}
	for name, want := range map[string]string{"brightness": "7", "trigger": "[mmc0]"} {
		if text, err := os.ReadFile(filepath.Join(led, name)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}
