package agent

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"fieldpost/board"
	"fieldpost/internal/diag"
	"fieldpost/internal/pipe"
	"fieldpost/sensors/hostinfo"
	"fieldpost/sensors/sysfs"
	"fieldpost/store"
)

const (
	hardwareLook  = 10 * time.Second
	hardwareTells = 10 * time.Minute // between two events of the supply, at least
	hotAt         = 85               // °C, where a Raspberry Pi slows down hard
	cardEnds      = 100              // percent
	spareEnds     = 3                // see hostinfo.Card
)

// hardware is what is known of the board's health. Looking reads files of /sys and
// writes nothing.
type hardware struct {
	agent *Agent
	tree  sysfs.Tree
	facts board.Facts

	mu     sync.Mutex
	supply hostinfo.Supply
	asked  bool // the supply can be
	temp   *float64
	cards  []hostinfo.Card
	times  [4]uint64 // that each bit of the supply began, as far as was seen

	// Of the loop alone.
	low    bool // the undervoltage that was told last
	toldAt time.Time
}

func newHardware(a *Agent) *hardware {
	return &hardware{agent: a, tree: sysfs.Tree(a.parts.Root)}
}

// run looks until ctx ends, and tells of a start that nobody has ordered and of a
// supply that is too low.
func (h *hardware) run(ctx context.Context) error {
	h.meet()
	for started := false; ; {
		h.look()
		h.tell(ctx)
		started = started || h.unclean(ctx)
		wait := time.Duration(hardwareLook)
		if !started {
			wait = time.Second
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// meet reads what does not change.
func (h *hardware) meet() {
	facts := board.FactsOf(h.agent.parts.Root)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts, h.cards = facts, hostinfo.Cards(h.tree)
}

func (h *hardware) look() {
	supply, asked := hostinfo.ReadSupply(h.tree)
	asked = asked && supply.Err == nil
	temp, known := hostinfo.Temperature(h.tree)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.temp = nil; known {
		h.temp = &temp
	}
	for i := range h.times {
		if began := supply.Flags &^ h.supply.Flags; asked && began>>i&1 == 1 {
			h.times[i]++
		}
	}
	if h.asked = asked; asked {
		h.supply = supply
	}
}

// tell queues an event of a supply that has become too low, or good again. One that
// comes and goes all the time is told of every ten minutes, with how often it was.
func (h *hardware) tell(ctx context.Context) {
	low := h.supply.Flags&hostinfo.Undervoltage != 0
	if low == h.low || !h.toldAt.IsZero() && time.Since(h.toldAt) < hardwareTells {
		return
	}
	h.low, h.toldAt = low, time.Now()
	name := "undervoltage-ended"
	if low {
		name = "undervoltage-began"
		h.agent.parts.Log.Warn("supply voltage is too low", "times", h.times[0])
	}
	h.agent.event(ctx, name, map[string]any{"times": h.times[0]})
}

// unclean queues an event of a start after an end that nobody has ordered, and reports
// whether it is known how the run before has ended.
func (h *hardware) unclean(ctx context.Context) (known bool) {
	a := h.agent
	if !a.store.Stats().Ready {
		return false
	}
	ended := a.store.Boots().Ended()
	if ended == store.EndedKilled || ended == store.EndedCut {
		name, boot := "unclean-start", a.boot()
		if ended == store.EndedCut && h.facts.Reset == board.ResetWatchdog {
			name = "watchdog-reset"
		}
		a.event(ctx, name, map[string]any{"ended": ended.String(), "reset": h.facts.Reset, "boots": boot.Number, "cuts": boot.Cuts, "kills": boot.Kills})
	}
	return true
}

// event queues an event. One that cannot be is counted by the store.
func (a *Agent) event(ctx context.Context, name string, fields map[string]any) {
	record, err := pipe.Event(name, a.parts.Clock.Now(), fields)
	if err == nil {
		_, err = a.enqueue(ctx, record)
	}
	if err != nil {
		a.parts.Log.Debug("event not queued", "event", name, "err", err)
	}
}

// boot is the present one in the store's table; the zero Boot without a boot id.
func (a *Agent) boot() (b store.Boot) {
	id := a.parts.Clock.Now().Boot
	for _, e := range a.store.Boots().Entries() {
		if e.Boot == id {
			b = e
		}
	}
	return b
}

// shown is what status tells of the board.
func (h *hardware) shown() diag.Board {
	a := h.agent
	id, boot, now := a.board(), a.boot(), a.parts.Clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	b := diag.Board{
		Model: id.Model, Serial: id.Serial, Revision: h.facts.Revision, Kernel: h.facts.Kernel, Arch: h.facts.Arch,
		Reset: h.facts.Reset, RTC: h.facts.RTC, UptimeS: now.BootTime.Seconds(), BootID: hex.EncodeToString(now.Boot[:]),
		Boots: boot.Number, Cuts: boot.Cuts, Kills: boot.Kills, LastEnd: a.store.Boots().Ended().String(),
		TemperatureC: h.temp,
	}
	if h.asked {
		b.Supply = &diag.Supply{Complete: h.supply.All, Undervoltage: h.flag(0), FrequencyCapped: h.flag(1), Throttled: h.flag(2), TemperatureLimited: h.flag(3)}
	}
	for _, c := range h.cards {
		b.Cards = append(b.Cards, diag.Card(c))
	}
	return b
}

func (h *hardware) flag(bit int) diag.Flag {
	return diag.Flag{Now: h.supply.Flags>>bit&1 == 1, SinceBoot: h.supply.Flags>>(hostinfo.SinceBoot+bit)&1 == 1, Times: h.times[bit]}
}

// verdictOf tells what is wrong with the board's health, or what is worth telling
// although nothing is.
func verdictOf(b diag.Board) (state diag.State, reason, hint string) {
	const supply = "use the supply made for the board and a short, thick cable; take USB devices with a supply of their own"
	s := diag.Supply{}
	if b.Supply != nil {
		s = *b.Supply
	}
	if s.Undervoltage.Now {
		return diag.Broken, "supply voltage is too low", supply
	}
	for _, c := range b.Cards {
		if c.LifeUsed >= cardEnds || c.EndOfLife >= spareEnds {
			return diag.Broken, "card " + c.Disk + " is at the end of its life", "replace it; docs/OPERATING.md tells how to move the state folder"
		}
	}
	if b.TemperatureC != nil && *b.TemperatureC >= hotAt {
		return diag.Broken, fmt.Sprintf("processor is at %.0f °C", *b.TemperatureC), "give it air or a heat sink, or take it out of the sun"
	}
	if s.Throttled.Now {
		return diag.Broken, "processor is throttled", "it is too hot or its supply too weak: give it air or a heat sink, or the supply made for the board"
	}
	if s.Undervoltage.SinceBoot || s.Undervoltage.Times > 0 {
		return diag.OK, "supply voltage was too low since boot", supply
	}
	for _, c := range b.Cards {
		if c.EndOfLife == spareEnds-1 {
			return diag.OK, "card " + c.Disk + " has used four fifths of its spare blocks", "have another one at hand"
		}
	}
	return diag.OK, "", ""
}
