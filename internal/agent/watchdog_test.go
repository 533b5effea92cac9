//go:build linux

package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/sensors"
	"fieldpost/store"
	"fieldpost/uplink"
)

// dogs is a kennel with one watchdog that notes when it was fed.
type dogs struct {
	mu      sync.Mutex
	fault   error // of opening it
	fed     []time.Time
	stopped bool
}

func (d *dogs) Watchdog(string, time.Duration) (board.Watchdog, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault != nil {
		return nil, d.fault
	}
	return d, nil
}

func (d *dogs) mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = nil
}

func (d *dogs) Feed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fed = append(d.fed, time.Now())
	return nil
}

func (d *dogs) last() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fed[len(d.fed)-1]
}

// hungriest is the longest time between two meals.
func (d *dogs) hungriest() (longest time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.fed[1:] {
		longest = max(longest, d.fed[i+1].Sub(d.fed[i]))
	}
	return longest
}

func (d *dogs) Timeout() time.Duration { return 15 * time.Second }
func (d *dogs) Fault() error           { return nil }
func (d *dogs) Stop() error            { d.stopped = true; return nil }

// supervisor takes notices. It listens outside of any bubble: a full socket would
// hold up virtual time.
type supervisor struct {
	path  string
	lines chan string // "" = all that was sent before
}

func supervised(t *testing.T, usec string) (*supervisor, *board.Notifier) {
	t.Helper()
	s := &supervisor{filepath.Join(t.TempDir(), "n"), make(chan string, 100_000)}
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				close(s.lines)
				return
			}
			for line := range strings.SplitSeq(string(b[:n]), "\n") {
				s.lines <- line
			}
		}
	}()
	n, err := board.NewNotifier(func(k string) string {
		return map[string]string{"NOTIFY_SOCKET": s.path, "WATCHDOG_USEC": usec}[k]
	}, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return s, n
}

// heard returns the notices since it was asked last.
func (s *supervisor) heard() (lines []string) {
	mark, _ := board.NewNotifier(func(k string) string { return map[string]string{"NOTIFY_SOCKET": s.path}[k] }, 1)
	err := mark.Send("")
	for tries := 1; err != nil && tries < 60; tries++ {
		err = mark.Send("") // the queue is full, and who empties it has no processor
	}
	if err != nil {
		panic(err)
	}
	for line := range s.lines {
		if line == "" {
			break
		}
		lines = append(lines, line)
	}
	return lines
}

// virtual starts an agent whose time is that of a bubble: it has no socket.
func virtual(t *testing.T, text string, parts Parts) (*running, *config.Config) {
	t.Helper()
	cfg := load(t, text)
	if err := os.Mkdir(cfg.Agent.Socket, 0o700); err != nil {
		t.Fatal(err)
	}
	secret := "HostName=hub.invalid;DeviceId=gw;SharedAccessKey=a2V5\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(cfg.Agent.StateDir), "key"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	if parts.Root == "" {
		parts.Root = "/nowhere"
	}
	if parts.Clock == nil {
		parts.Clock = clock.NewFake(time.Now()).Follow()
	}
	if parts.Buses == nil {
		parts.Buses = boardsim.NewDemoBoard(1)
	}
	if parts.Dial == nil {
		parts.Dial = func(context.Context, uplink.Identity) (net.Conn, error) { return nil, errors.New("no route") }
	}
	return run(t, cfg, parts), cfg
}

const watched = `
[board]
watchdog = "/dev/watchdog"
[hub]
connection_string_file = "key"
[[bus]]
name = "cabinet"
device = "/dev/i2c-1"
[[sensor]]
name = "climate"
source = "bme280"
bus = "cabinet"
[[sensor]]
name = "made-up"
source = "simulated"
`

// valve holds up whoever comes by while it is shut.
type valve struct {
	mu   sync.Mutex
	shut chan struct{}
}

func (v *valve) pass() {
	v.mu.Lock()
	shut := v.shut
	v.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

func (v *valve) close() { v.mu.Lock(); defer v.mu.Unlock(); v.shut = make(chan struct{}) }

func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shut != nil {
		close(v.shut)
		v.shut = nil
	}
}

// Each loop that stalls ends the feed, and it alone is blamed.
func TestWatchdogIsFedForProgress(t *testing.T) {
	for _, c := range []struct {
		loop, part string
		watch      func(*valve) Watch
	}{
		{"sampling on cabinet", "sensors", func(v *valve) Watch {
			return Watch{Reading: func(r sensors.Reading, _ store.Ticket) {
				if r.Sensor == "climate" {
					v.pass()
				}
			}}
		}},
		{"sampling of made-up", "sensors", func(v *valve) Watch {
			return Watch{Reading: func(r sensors.Reading, _ store.Ticket) {
				if r.Sensor == "made-up" {
					v.pass()
				}
			}}
		}},
		{"committing", "store", func(v *valve) Watch { return Watch{Commit: v.pass} }},
		{"the link", "network", func(v *valve) Watch { return Watch{Link: func(uplink.LinkState) { v.pass() }} }},
	} {
		t.Run(c.loop, func(t *testing.T) {
			systemd, notify := supervised(t, "30000000")
			synctest.Test(t, func(t *testing.T) {
				d, v := &dogs{}, new(valve)
				r, cfg := virtual(t, watched, Parts{Dogs: d, Notify: notify, Watch: c.watch(v)})
				t.Cleanup(v.open) // before the agent is stopped, which else never ends
				time.Sleep(10 * time.Minute)
				if longest := d.hungriest(); longest > 5*time.Second {
					t.Errorf("a healthy agent let the watchdog wait for %v", longest)
				}
				systemd.heard()

				v.close()
				shut := time.Now()
				time.Sleep(10 * time.Minute) // the link waits for up to five before it comes by
				if after := d.last().Sub(shut); after > 10*time.Minute-dogLook {
					t.Fatalf("still fed %v after the loop stalled", after)
				}
				systemd.heard()
				time.Sleep(time.Minute)
				if heard := systemd.heard(); slices.Contains(heard, board.NotifyAlive) {
					t.Errorf("the supervisor is fed still: %q", heard)
				}
				s := r.Status()
				if late := s.Board.Watchdog.Late; len(late) != 1 || late[0].Loop != c.loop || !late[0].Stalled {
					t.Errorf("late are %+v", late)
				}
				if p := part(s, c.part); p.State != "broken" || !strings.Contains(p.Reason, c.loop+" has not come round for") {
					t.Errorf("part %+v", p)
				}
				note, _ := os.ReadFile(filepath.Join(cfg.Agent.StateDir, stallFile))
				if !strings.Contains(string(note), c.loop) {
					t.Errorf("the note says %q", note)
				}

				v.open()
				time.Sleep(20 * time.Second)
				if time.Since(d.last()) > 5*time.Second || !slices.Contains(systemd.heard(), board.NotifyAlive) {
					t.Error("not fed again after the loop came round")
				}
				if _, err := os.Stat(filepath.Join(cfg.Agent.StateDir, stallFile)); !os.IsNotExist(err) {
					t.Errorf("the note is there still: %v", err)
				}
				if err := r.stop(); err != nil || !d.stopped {
					t.Errorf("stop: %v, watchdog stopped %v", err, d.stopped)
				}
			})
		})
	}
}

// A part that hangs its bus, and a network that is not there, are no reason to reset
// the board.
func TestWatchdogIsFedOnAHungBusAndOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, hangs := &dogs{}, make(chan struct{})
		r, _ := virtual(t, watched, Parts{Dogs: d, Buses: busesFunc(func(string) (i2c.BusCloser, error) {
			<-hangs
			return nil, errors.New("no")
		})})
		time.Sleep(time.Hour)
		if longest := d.hungriest(); longest > 5*time.Second || time.Since(d.last()) > 5*time.Second {
			t.Errorf("the watchdog waited for %v", longest)
		}
		if p := part(r.Status(), "buses"); p.State != "broken" || !strings.Contains(p.Reason, "hung") {
			t.Errorf("the bus is not hung: %+v", p)
		}
		close(hangs)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

type busesFunc func(string) (i2c.BusCloser, error)

func (f busesFunc) I2C(device string) (i2c.BusCloser, error) { return f(device) }

// An agent that is online, with nothing to do for the drain between two readings, is
// alive.
func TestWatchdogIsFedOnline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t, 1)
		d := &dogs{}
		s.start(0, func(cfg *config.Config, parts *Parts) { cfg.Board.Watchdog, parts.Dogs = "/dev/watchdog", d })
		s.until("the agent to be online", func() bool { return s.agents[0].Online() })
		time.Sleep(time.Hour)
		if longest := d.hungriest(); longest > 5*time.Second || time.Since(d.last()) > 5*time.Second {
			t.Errorf("the watchdog waited for %v", longest)
		}
		if err := s.agents[0].stop(); err != nil {
			t.Error(err)
		}
	})
}
