//go:build linux

package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
	"fieldpost/store"
)

// pi is the root of a fake Raspberry Pi whose files are changed at will.
type pi struct {
	t    *testing.T
	root string
}

func newPi(t *testing.T) *pi {
	p := &pi{t, t.TempDir()}
	p.put("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\x00")
	p.put("proc/device-tree/serial-number", "10000000a1b2c3d4\x00")
	p.put("proc/device-tree/system/linux,revision", "\x00\xc0\x31\x14")
	p.put("proc/sys/kernel/osrelease", "6.12.47\n")
	p.put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
	p.put("sys/class/thermal/thermal_zone0/temp", "52500\n")
	p.put("sys/block/mmcblk0/device/type", "SD\n")
	p.put("sys/block/mmcblk0/device/name", "SD32G\n")
	p.put("sys/block/mmcblk0/device/date", "08/2021\n")
	p.flags("0x0")
	return p
}

func (p *pi) put(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pi) flags(hex string) {
	p.put("sys/devices/platform/soc/soc:firmware/get_throttled", hex+"\n")
}

// events returns the names of the events that are queued.
func events(t *testing.T, r *running) (names []string) {
	t.Helper()
	records, err := r.store.Peek(context.Background(), store.Alarm, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records {
		if rec.Kind == store.KindEvent && rec.Props["event"] != "agent-started" {
			names = append(names, rec.Props["event"]+" "+string(rec.Body))
		}
	}
	return names
}

func TestUndervoltage(t *testing.T) {
	p := newPi(t)
	synctest.Test(t, func(t *testing.T) {
		r, _ := virtual(t, watched, Parts{Root: p.root, Dogs: &dogs{}})
		time.Sleep(time.Minute)
		b := r.Status().Board
		if b.Model != "Raspberry Pi 4 Model B Rev 1.4" || b.Serial != "10000000a1b2c3d4" || b.Revision != "c03114" || b.Kernel != "6.12.47" ||
			b.Boots != 1 || b.LastEnd != "unknown" || b.TemperatureC == nil || *b.TemperatureC != 52.5 || len(b.Cards) != 1 || b.Cards[0].Name != "SD32G" || !b.Supply.Complete {
			t.Errorf("board %+v", b)
		}
		if got := events(t, r); len(got) != 0 {
			t.Errorf("events of a healthy board: %q", got)
		}

		p.flags("0x50005")
		time.Sleep(hardwareLook + time.Second)
		s := r.Status()
		if part := part(s, "board"); part.State != diag.Broken || part.Reason != "supply voltage is too low" || part.Hint == "" {
			t.Errorf("board %+v", part)
		}
		if v := s.Board.Supply.Undervoltage; !v.Now || !v.SinceBoot || v.Times != 1 || s.Board.Supply.FrequencyCapped.Times != 0 || !s.Board.Supply.Throttled.Now {
			t.Errorf("supply %+v", s.Board.Supply)
		}
		for range 30 { // it comes and goes
			p.flags("0x50000")
			time.Sleep(hardwareLook + time.Second)
			p.flags("0x50005")
			time.Sleep(hardwareLook + time.Second)
		}
		p.flags("0x50000")
		time.Sleep(hardwareTells + hardwareLook)
		got := events(t, r)
		if len(got) < 2 || len(got) > 4 || !strings.HasPrefix(got[0], `undervoltage-began {"times":1}`) || !strings.HasPrefix(got[len(got)-1], `undervoltage-ended {"times":`) {
			t.Errorf("events %q", got)
		}
		s = r.Status()
		if part := part(s, "board"); part.State != diag.OK || part.Reason != "supply voltage was too low since boot" || s.Board.Supply.Undervoltage.Times != 31 {
			t.Errorf("board %+v, supply %+v", part, s.Board.Supply)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// What cannot be read any more is not told as it was, and is no fault that began.
func TestBoardThatStopsTelling(t *testing.T) {
	p := newPi(t)
	r := New(load(t, ""), Parts{Root: p.root})
	h := r.hardware
	p.flags("0x10001")
	h.look()
	if b := h.shown(); b.Supply == nil || b.Supply.Undervoltage.Times != 1 || b.TemperatureC == nil {
		t.Fatalf("at first: %+v", b)
	}
	p.flags("0x1000000ff") // more bits than there are
	p.put("sys/class/thermal/thermal_zone0/temp", "junk\n")
	h.look()
	if b := h.shown(); b.Supply != nil || b.TemperatureC != nil {
		t.Errorf("unreadable: %+v, supply %+v", b, b.Supply)
	}
	if h.times != [4]uint64{1} || h.supply.Flags != 0x10001 {
		t.Errorf("what could not be read was taken up: %v times, flags %#x", h.times, h.supply.Flags)
	}
	p.flags("0x10001")
	h.look()
	if b := h.shown(); b.Supply == nil || b.Supply.Undervoltage.Times != 1 {
		t.Errorf("as before: supply %+v", b.Supply)
	}
}

func TestVerdictOnTheBoard(t *testing.T) {
	hot := 85.0
	for _, c := range []struct {
		b      diag.Board
		state  diag.State
		reason string
	}{
		{diag.Board{}, diag.OK, ""},
		{diag.Board{TemperatureC: &hot}, diag.Broken, "processor is at 85 °C"},
		{diag.Board{Supply: &diag.Supply{Throttled: diag.Flag{Now: true}}}, diag.Broken, "processor is throttled"},
		{diag.Board{Supply: &diag.Supply{Throttled: diag.Flag{SinceBoot: true}, FrequencyCapped: diag.Flag{Now: true}}}, diag.OK, ""},
		{diag.Board{Cards: []diag.Card{{Disk: "mmcblk0", LifeUsed: 90, EndOfLife: 1}, {Disk: "mmcblk1", LifeUsed: 100}}}, diag.Broken, "card mmcblk1 is at the end of its life"},
		{diag.Board{Cards: []diag.Card{{Disk: "mmcblk0", EndOfLife: 3}}}, diag.Broken, "card mmcblk0 is at the end of its life"},
		{diag.Board{Cards: []diag.Card{{Disk: "mmcblk0", EndOfLife: 2}}}, diag.OK, "card mmcblk0 has used four fifths of its spare blocks"},
		{diag.Board{Cards: []diag.Card{{Disk: "mmcblk0", LifeUsed: 100}}, Supply: &diag.Supply{Undervoltage: diag.Flag{Now: true}}}, diag.Broken, "supply voltage is too low"},
	} {
		if state, reason, hint := verdictOf(c.b); state != c.state || reason != c.reason || (hint == "") != (reason == "") {
			t.Errorf("%+v: %s %q, hint %q", c.b, state, reason, hint)
		}
	}
}

// A start after a power cut, or a reset by the watchdog, is an event; one after a clean
// stop is none.
func TestUncleanStart(t *testing.T) {
	for _, c := range []struct {
		clean, reboot bool
		bootstatus    string
		want          string
	}{
		{true, true, "0", ""},
		{false, false, "0", `unclean-start {"boots":1,"cuts":0,"ended":"killed","kills":1,`},
		{false, true, "0", `unclean-start {"boots":2,"cuts":1,"ended":"cut","kills":0,`},
		{false, true, "32", `watchdog-reset {"boots":2,"cuts":1,"ended":"cut","kills":0,`},
		{false, false, "32", `unclean-start {"boots":1,"cuts":0,"ended":"killed","kills":1,`},
	} {
		p := newPi(t)
		p.put("sys/class/watchdog/watchdog0/bootstatus", c.bootstatus)
		fake := clock.NewFake(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC))
		cfg := load(t, "")
		r := run(t, cfg, Parts{Root: p.root, Clock: fake})
		r.until("the store", func() bool { return r.Stats().Ready && r.Stats().Commits > 0 })
		if err := r.store.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		queue, err := os.ReadFile(filepath.Join(cfg.Agent.StateDir, "queue.db"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if !c.clean {
			if err := os.WriteFile(filepath.Join(cfg.Agent.StateDir, "queue.db"), queue, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if c.reboot {
			fake.Reboot()
		}
		r = run(t, cfg, Parts{Root: p.root, Clock: fake})
		r.until("the store", func() bool { return r.Stats().Ready })
		if c.want != "" {
			r.until("the event", func() bool { return len(events(t, r)) > 0 })
		}
		r.until("the end of the run before", func() bool { return r.Status().Board.LastEnd != "unknown" })
		if c.want == "" && !r.hardware.unclean(t.Context()) {
			t.Errorf("%+v: nobody knows how the run before has ended", c)
		}
		if got := events(t, r); c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("%+v: events %q", c, got)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
}
