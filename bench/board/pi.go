package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"fieldpost/bench/board/errand"
	"fieldpost/internal/diag"
)

// piSensors are the tmp105 on a bus, by the agent's driver, and the board itself.
func piSensors(device string) string {
	return "[[bus]]\nname = \"i2c\"\ndevice = \"" + device + "\"\n" +
		"[[sensor]]\nname = \"cabinet\"\nsource = \"tmp105\"\nbus = \"i2c\"\naddress = 0x48\nevery = \"1s\"\n" +
		"[[sensor]]\nname = \"host\"\nsource = \"host\"\nevery = \"2s\"\n"
}

// provePi proves what a Raspberry Pi has in QEMU: its own I²C controller, its
// identity, and a network on USB.
func provePi(ctx context.Context, b *bed) error {
	if err := b.network(ctx, "eth0"); err != nil {
		return err
	}
	if err := b.start(ctx, piSensors("/dev/i2c-1")); err != nil {
		return err
	}
	if err := b.identity(ctx, "Raspberry Pi"); err != nil {
		return err
	}
	if err := b.temperatures(ctx); err != nil {
		return err
	}
	if err := b.delivered(ctx); err != nil {
		return err
	}
	return b.account(ctx, 0)
}

// identity compares what status says of the board with its device tree.
func (b *bed) identity(ctx context.Context, maker string) error {
	a, err := b.do(ctx, errand.Errand{Do: errand.Read, Path: "/proc/device-tree/model"})
	if err != nil {
		return err
	}
	model := strings.TrimRight(a.Out, "\x00\n")
	var s diag.Status
	if err := b.until(ctx, "the agent tells its status", func() (ok bool, err error) {
		s, err = b.status(ctx)
		return err == nil, err
	}); err != nil {
		return err
	}
	b.check("the board's model in status", model, s.Agent.Board, s.Agent.Board == model && strings.Contains(model, maker))
	part, err := b.part(ctx, "board")
	if err != nil {
		return err
	}
	b.check("the board in the chain of status", "ok", string(part.State), part.State == diag.OK)
	return nil
}

// temperatures changes what the tmp105 measures and looks whether the agent reads it.
func (b *bed) temperatures(ctx context.Context) error {
	m, err := b.monitor()
	if err != nil {
		return err
	}
	defer m.conn.Close()
	for _, want := range []float64{21.5, -10, 99.5, -40, 125} {
		if err := m.temperature(want); err != nil {
			return err
		}
		s, err := b.sensor(ctx, "cabinet", fmt.Sprintf("%.1f °C", want), func(s diag.Sensor) bool {
			return s.Condition == "ok" && s.Last != nil && len(s.Last.Values) == 1 && math.Abs(float64(s.Last.Values[0].Value)-want) < 0.1
		})
		if err != nil {
			return err
		}
		v := s.Last.Values[0]
		b.check("tmp105 on the board's bus, read by its driver", fmt.Sprintf("%.1f Cel, good", want), fmt.Sprintf("%.1f %s, %s", float64(v.Value), v.Unit, v.Quality),
			v.Unit == "Cel" && v.Quality == "good")
	}
	return nil
}

// delivered waits until all temperatures are at the hub.
func (b *bed) delivered(ctx context.Context) error {
	s, err := b.status(ctx)
	if err != nil {
		return err
	}
	b.check("the clock, and what is to be done about it", "none or plausible, with a hint", s.Agent.Clock+": "+s.Agent.ClockHint, s.Agent.Clock != "synced" && s.Agent.ClockHint != "")
	want := []string{"21.50", "-10.00", "99.50", "-40.00", "125.00"}
	return b.until(ctx, "the temperatures at the hub", func() (bool, error) {
		var seen []string
		for _, a := range b.arrivals("cabinet") {
			if v := fmt.Sprintf("%.2f", a.values["temperature"]); len(seen) == 0 || seen[len(seen)-1] != v {
				seen = append(seen, v)
			}
		}
		text := strings.Join(seen, " ")
		if !strings.HasSuffix(text, strings.Join(want, " ")) {
			return false, fmt.Errorf("at the hub: %s", text)
		}
		b.check("temperatures at the hub, in order", strings.Join(want, " "), text, true)
		return true, nil
	})
}
