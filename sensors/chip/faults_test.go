package chip_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/sensors"
	"fieldpost/sensors/catalog"
	"fieldpost/sensors/chip"
)

// sabotage stands between a bus and a part, and counts the transfers.
type sabotage struct {
	part
	wired interface{ PowerCycle() } // behind the part, or nil
	n     int
	hit   int   // the transfer that the fault begins with
	does  fault // nil = nothing is wrong
}

// fault does a transfer wrong. since is how many came after the first wrong one.
type fault func(s *sabotage, since int, w, r []byte) error

func (s *sabotage) Tx(w, r []byte) error {
	since := s.n - s.hit
	s.n++
	if s.does == nil || since < 0 {
		return s.part.Tx(w, r)
	}
	return s.does(s, since, w, r)
}

func fill(r []byte, with byte) {
	for i := range r {
		r[i] = with
	}
}

// reading has what is read arrive as one byte says, once or from then on.
func reading(with byte, forever bool) fault {
	return func(s *sabotage, since int, w, r []byte) error {
		err := s.part.Tx(w, r)
		if since == 0 || forever {
			fill(r, with)
		}
		return err
	}
}

// faults are what can go wrong with a transfer, whatever the part.
var faults = map[string]fault{
	"no acknowledgement": func(s *sabotage, since int, w, r []byte) error {
		if since == 0 {
			return board.ErrNoAck
		}
		return s.part.Tx(w, r)
	},
	"no acknowledgement from then on": func(*sabotage, int, []byte, []byte) error { return board.ErrNoAck },
	// The part has done what was written and read when a byte is not acknowledged.
	"no acknowledgement in the middle": func(s *sabotage, since int, w, r []byte) error {
		err := s.part.Tx(w, r)
		if since == 0 {
			fill(r[len(r)/2:], 0xFF)
			return board.ErrNoAck
		}
		return err
	},
	"adapter fails": func(s *sabotage, since int, w, r []byte) error {
		if since == 0 {
			return board.ErrIO
		}
		return s.part.Tx(w, r)
	},
	"0xff":              reading(0xFF, false),
	"0xff from then on": reading(0xFF, true),
	"0x00":              reading(0x00, false),
	"0x00 from then on": reading(0x00, true),
	"supply blinks": func(s *sabotage, since int, w, r []byte) error {
		if since == 0 {
			s.PowerCycle()
		}
		return s.part.Tx(w, r)
	},
	// Nobody drives the line any more while the adapter reads on.
	"supply gone in the middle": func(s *sabotage, since int, w, r []byte) error {
		if since > 0 {
			return board.ErrNoAck
		}
		err := s.part.Tx(w, r)
		fill(r[len(r)/2:], 0xFF)
		s.PowerCycle()
		return err
	},
	// The last byte of a frame alone is lost.
	"supply gone at the end": func(s *sabotage, since int, w, r []byte) error {
		if since > 0 {
			return board.ErrNoAck
		}
		err := s.part.Tx(w, r)
		fill(r[len(r)-min(len(r), 1):], 0xFF)
		s.PowerCycle()
		return err
	},
}

// flip turns a bit of one byte of a frame around.
func flip(at int) fault {
	return func(s *sabotage, since int, w, r []byte) error {
		err := s.part.Tx(w, r)
		if since == 0 && at < len(r) {
			r[at] ^= 0x10
		}
		return err
	}
}

// untold are faults that a part gives no way to notice, with the reason. They are
// limits of the part and not of its driver.
var untold = map[string]map[string]string{
	"bh1750": {"0x00 from then on": "darkness reads the same, and the part has no other register"},
}

// free are parts whose measurements have no end that could be waited for.
var free = map[string]string{
	"bh1750":  "it has no state to ask for",
	"ina219":  "it measures by itself, and a state would be that of the last measurement",
	"mcp9808": "it measures by itself and has no state",
	"tmp102":  "likewise", "tmp75": "likewise", "tmp105": "likewise", "lm75": "likewise",
	"scd4x": "a part that has no measurement gives the last one again with its age",
}

// TestEveryDriverHasItsFaults holds the tables of parts against the catalog: a part
// that is added to it is put through all of this.
func TestEveryDriverHasItsFaults(t *testing.T) {
	var rows, want []string
	for _, k := range kinds() {
		rows = append(rows, k.name)
		if (k.busy == nil) != (free[k.name] != "") {
			t.Errorf("%s: an endless measurement is either noticed or cannot be", k.name)
		}
	}
	for _, s := range catalog.Sources() {
		if len(s.Addresses) > 0 {
			want = append(want, s.Name)
		}
	}
	slices.Sort(rows)
	slices.Sort(want)
	if !slices.Equal(rows, want) {
		t.Errorf("rows of %v\nthe catalog has %v", rows, want)
	}
	for name := range free {
		if !slices.Contains(want, name) {
			t.Errorf("%s is not in the catalog", name)
		}
	}
}

// TestFaultsAtEveryTransfer breaks each transfer of a set-up and of a measurement in
// each way. What comes of it is an error, a marked value or the true one, in time,
// and the next measurement is true.
func TestFaultsAtEveryTransfer(t *testing.T) {
	for i, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			all := map[string]fault{}
			for name, f := range faults {
				all[name] = f
			}
			if k.wired != nil {
				all["supply of the wired part blinks"] = func(s *sabotage, since int, w, r []byte) error {
					if since == 0 {
						s.wired.PowerCycle()
					}
					return s.part.Tx(w, r)
				}
			}
			longest := map[bool]int{true: 9}[k.sums] // bytes of a frame with checksums
			if k.wired != nil {
				longest = 1
			}
			for at := range longest {
				all[fmt.Sprintf("a bit of byte %d", at)] = flip(at)
			}
			for name, f := range all {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						// Models are made in the bubble whose time they have.
						newTrial(t, kinds()[i], name, f).everywhere()
					})
				})
			}
			for name := range untold[k.name] {
				if faults[name] == nil {
					t.Errorf("no fault %q", name)
				}
			}
		})
	}
}

// trial is one kind of part with one fault.
type trial struct {
	rig
	s      *sabotage
	fault  string
	does   fault
	source catalog.Source
}

func newTrial(t *testing.T, k kind, name string, f fault) *trial {
	s := &sabotage{part: k.part, wired: k.wired}
	tr := &trial{rig: rig{kind: k, t: t}, s: s, fault: name, does: f}
	tr.bus = boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{addrOf(k.name): s})
	tr.source, _ = catalog.Named(k.name)
	return tr
}

// reopen opens the source of a part in order, which has measured something else.
func (tr *trial) reopen() {
	tr.t.Helper()
	tr.s.does = nil
	tr.part.PowerCycle()
	if tr.other != nil {
		tr.other()
	}
	time.Sleep(time.Second)
	var err error
	if tr.src, err = tr.opener()(tr.t.Context()); err != nil {
		tr.t.Fatalf("%s: %v", tr.fault, err)
	}
	time.Sleep(tr.settle)
	if _, err := tr.src.Sense(tr.t.Context()); err != nil {
		tr.t.Fatalf("%s: %v", tr.fault, err)
	}
	tr.set()
	time.Sleep(tr.settle)
}

// begin has the fault happen from the transfer of that number on.
func (tr *trial) begin(hit int) { tr.s.n, tr.s.hit, tr.s.does = 0, hit, tr.does }

// everywhere breaks each transfer in turn.
func (tr *trial) everywhere() {
	tr.reopen()
	tr.s.n = 0
	if _, err := tr.src.Sense(tr.t.Context()); err != nil {
		tr.t.Fatal(err)
	}
	transfers := tr.s.n
	for hit := 0; hit < transfers; hit += stride(transfers) {
		tr.reopen()
		tr.begin(hit)
		start := time.Now()
		vs, err := tr.src.Sense(tr.t.Context())
		tr.verdict(fmt.Sprintf("%s at transfer %d of a measurement", tr.fault, hit), start, vs, err)
		tr.heals(fmt.Sprintf("after %s at transfer %d of a measurement", tr.fault, hit))
		_ = tr.src.Close()
	}
	tr.setUps()
}

// stride is from one broken transfer to the next: one, and with -short a tenth of a
// measurement that has many.
func stride(transfers int) int {
	if testing.Short() {
		return max(1, transfers/10)
	}
	return 1
}

// setUps breaks each transfer of the way to a source.
func (tr *trial) setUps() {
	tr.s.does = nil
	tr.s.n = 0
	src, err := tr.opener()(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	_ = src.Close()
	transfers := tr.s.n
	for hit := 0; hit < transfers; hit += stride(transfers) {
		when := fmt.Sprintf("%s at transfer %d of a set-up", tr.fault, hit)
		tr.part.PowerCycle()
		time.Sleep(time.Second)
		tr.begin(hit)
		start := time.Now()
		src, err := tr.opener()(tr.t.Context())
		tr.verdict(when, start, nil, err)
		tr.s.does = nil
		if err != nil {
			if src, err = tr.opener()(tr.t.Context()); err != nil {
				tr.t.Fatalf("after %s: %v", when, err)
			}
		}
		tr.src = src
		tr.heals("after " + when)
		_ = src.Close()
	}
}

// verdict is on one call with a fault in it.
func (tr *trial) verdict(when string, start time.Time, vs []sensors.Value, err error) {
	tr.t.Helper()
	if d := time.Since(start); d > 5*time.Second {
		tr.t.Errorf("%s: took %v, longer than a sampler waits", when, d)
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			tr.t.Errorf("%s: %v", when, err)
		}
		return
	}
	for i, v := range vs {
		if tr.want[i].name != v.Name {
			tr.t.Errorf("%s: %+v, want %s", when, v, tr.want[i].name)
		}
		if v.Quality != sensors.Good || v.Age > 0 || tr.marked(v) {
			continue
		}
		if off := math.Abs(v.Num - tr.want[i].num); off > tr.want[i].by && untold[tr.name][tr.fault] == "" {
			tr.t.Errorf("%s: %+v, which is plausible and wrong by %v", when, v, off)
		}
	}
}

// marked reports whether a sampler marks a value by what the catalog tells it of the
// part.
func (tr *trial) marked(v sensors.Value) bool {
	known, ok := tr.source.Value(v.Name)
	if !ok || known.Lo == 0 && known.Hi == 0 {
		return false
	}
	return v.Num < known.Lo || v.Num > known.Hi ||
		slices.ContainsFunc(known.Sentinels, func(s sensors.Sentinel) bool { return s.Num == v.Num })
}

// heals senses without a fault: what is read is true at once, but of a part that has
// nothing new until it was started again.
func (tr *trial) heals(when string) {
	tr.t.Helper()
	tr.s.does = nil
	tr.set()
	for range 5 {
		time.Sleep(tr.settle)
		vs, err := tr.src.Sense(tr.t.Context())
		if tr.settle > 0 && (err != nil || vs[0].Age > 0 || vs[0].Quality != sensors.Good) {
			continue
		}
		if err != nil {
			tr.t.Errorf("%s: %v", when, err)
			return
		}
		tr.right(when, vs)
		return
	}
	tr.t.Errorf("%s: no measurement any more", when)
}

// A measurement that never ends is an error within the time a sampler waits.
func TestEndless(t *testing.T) {
	for _, k := range kinds() {
		if k.busy == nil {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{addrOf(k.name): k.part})
				k.part.SetFault(boardsim.StuckBusy)
				start := time.Now()
				src, err := k.open(bus.Open, addrOf(k.name))(t.Context())
				if err == nil {
					_, err = src.Sense(t.Context())
				}
				if !errors.Is(err, k.busy) {
					t.Errorf("%v, want %v", err, k.busy)
				}
				if d := time.Since(start); d > 10*time.Second {
					t.Errorf("took %v", d)
				}
			})
		})
	}
}

// The continuous mode of periph's drivers deadlocks when it is ended.
func TestNoContinuousMode(t *testing.T) {
	files := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(".SenseContinuous(")) {
			t.Errorf("%s calls it", path)
		}
		files++
		return err
	})
	if err != nil || files < 100 {
		t.Errorf("%d files, %v", files, err)
	}
}

// A register that is disturbed once is read again; one that stays so is not a number.
func TestRegisterReadTwice(t *testing.T) {
	for _, c := range []struct {
		answers []uint16
		want    uint16
		reads   int
	}{
		{[]uint16{0x1234, 0xFFFF}, 0x1234, 1},
		{[]uint16{0xFFFF, 0x1234}, 0x1234, 2},
		{[]uint16{0x0000, 0x1234}, 0x1234, 2},
		{[]uint16{0xFFFF, 0xFFFF, 0x1234}, 0xFFFF, 2},
		{[]uint16{0x00FF, 0x1234}, 0x00FF, 1},
		{[]uint16{0x5555, 0x1234}, 0x5555, 1},
	} {
		bus := &saying{words: c.answers}
		if got, err := chip.Register(bus, 0x48, 0); err != nil || got != c.want || bus.reads != c.reads {
			t.Errorf("%#x: %#x after %d reads, %v", c.answers, got, bus.reads, err)
		}
	}
}

// saying is a bus with a part that gives one word after the other.
type saying struct {
	answering
	words []uint16
	reads int
}

func (s *saying) Tx(_ uint16, _, r []byte) error {
	r[0], r[1] = byte(s.words[s.reads]>>8), byte(s.words[s.reads])
	s.reads++
	return nil
}
