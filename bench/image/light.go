package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// lightPin is the GPIO line that the device tree gives to the light here.
const lightPin = 17

// microTime is where the BCM2837 has the low word of a clock that counts microseconds
// (BCM2835 ARM Peripherals, section 12.1).
const microTime = 0x3f003004

// What the light shows, by docs/OPERATING.md.
const (
	wellLit    = "two short flashes"
	noIdentity = "5 blinks"
)

// phase is a time for which a light was on or off without a change.
type phase struct {
	on   bool
	last time.Duration // by the board's clock: its time may be slower than this machine's
}

// shown reads in docs/OPERATING.md what a light shows that went through these phases,
// in turns; "" when they do not tell yet.
func shown(phases []phase) string {
	const rounds = 2 // the same, one after the other
	within := func(from, to time.Duration, least int) bool {
		return len(phases) >= least && !slices.ContainsFunc(phases[len(phases)-least:], func(p phase) bool { return p.last < from || p.last > to })
	}
	switch {
	case within(50*time.Millisecond, 200*time.Millisecond, 8):
		return "quick, without a pause"
	case within(700*time.Millisecond, 1300*time.Millisecond, 4):
		return "one second on, one second off"
	}
	var flashes []phase
	var seen []string
	begun := false
	for _, p := range phases {
		switch {
		case p.on:
			flashes = append(flashes, p)
		case p.last > 1400*time.Millisecond:
			if begun && len(flashes) > 0 {
				seen = append(seen, round(flashes))
			}
			flashes, begun = nil, true
		}
	}
	if len(seen) < rounds || slices.ContainsFunc(seen[len(seen)-rounds:], func(s string) bool { return s != seen[len(seen)-1] }) {
		return ""
	}
	return seen[len(seen)-1]
}

// round names what is between two pauses.
func round(flashes []phase) string {
	var whole time.Duration
	for _, f := range flashes {
		whole += f.last
	}
	switch each := whole / time.Duration(len(flashes)); {
	case each < 200*time.Millisecond && len(flashes) == 2:
		return wellLit
	case each > 200*time.Millisecond && each < 500*time.Millisecond:
		return fmt.Sprintf("%d blinks", len(flashes))
	}
	return "no pattern"
}

// light watches the light until it shows that, and returns what it showed last.
func (g *guest) light(want string) (last string, err error) {
	conn, err := net.Dial("unix", g.pins)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(hang))
	m, err := g.open()
	if err != nil {
		return "", err
	}
	defer m.Close()
	if _, err := io.WriteString(conn, "irq_intercept_out /machine/soc/peripherals/gpio\n"); err != nil {
		return "", err
	}
	const enough = 64 // phases
	var phases []phase
	var changed uint32
	var flickers bool // changes come quicker than they can be timed
	for lines := bufio.NewReader(conn); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return last, fmt.Errorf("the light never showed %s, but at last %q %v: %w", want, last, phases, err)
		}
		var on bool
		switch strings.TrimSpace(line) {
		case fmt.Sprintf("IRQ raise %d", lightPin):
			on = true
		case fmt.Sprintf("IRQ lower %d", lightPin):
		case "OK":
			continue
		default:
			return last, fmt.Errorf("the lines of the board: %s", line)
		}
		if lines.Buffered() > 0 {
			flickers = true
			continue
		}
		now, err := m.word(microTime)
		if err != nil {
			return last, err
		}
		switch {
		case flickers:
			phases, flickers = nil, false
		case changed != 0:
			phases = append(phases[max(len(phases)-enough, 0):], phase{!on, micro(now - changed)})
		}
		changed = now
		if s := shown(phases); s != "" && s != last {
			last = s
			fmt.Println("the light:", last)
		}
		if last == want {
			return last, nil
		}
	}
}

// age waits until the board has been on for this time, by its own clock.
func (g *guest) age(ctx context.Context, least time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	m, err := g.open()
	if err != nil {
		return err
	}
	defer m.Close()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := m.word(microTime)
		if err != nil || micro(now) >= least {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func micro(n uint32) time.Duration { return time.Duration(n) * time.Microsecond }
