package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"strings"
	"time"

	"fieldpost/bench/board/errand"
	"fieldpost/internal/diag"
)

// Lines of the first GPIO chip, and where the i.MX6 has its registers: data, then
// direction (i.MX 6Dual/6Quad reference manual, section 28.5).
const (
	outputLine  = 9
	counterLine = 10
	contactLine = 11
	registers   = 0x0209C000
)

// proveLines proves GPIO lines on a board whose registers and pins the host can see.
func proveLines(ctx context.Context, b *bed) error {
	if err := b.network(ctx, "eth0"); err != nil {
		return err
	}
	line := func(n int) string { return fmt.Sprintf("line = \"gpiochip0:%d\"\n", n) }
	err := b.start(ctx, "[commands]\nallow_local = [\"output.set\"]\n"+piSensors("/dev/i2c-0")+
		"[[sensor]]\nname = \"meter\"\nsource = \"counter\"\nevery = \"1s\"\n"+line(counterLine)+
		"[[sensor]]\nname = \"door\"\nsource = \"digital\"\nevery = \"1s\"\n"+line(contactLine)+
		"[[output]]\nname = \"pump\"\n"+line(outputLine))
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return b.identity(ctx, "SABRE Lite") },
		b.temperatures, b.output, b.inputs, b.delivered,
		func(ctx context.Context) error { return b.account(ctx, 0) },
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// output switches a line by the agent and reads the chip's registers from outside.
func (b *bed) output(ctx context.Context) error {
	m, err := b.monitor()
	if err != nil {
		return err
	}
	defer m.conn.Close()
	for i, on := range []bool{true, false, true, false} {
		a, err := b.do(ctx, errand.Errand{Do: errand.Run, Args: []string{agentFile, "commands", "run", "output.set", "--socket", agentSocket,
			"--args", fmt.Sprintf(`{"output":"pump","on":%t}`, on)}})
		if err != nil {
			return err
		}
		data, direction, err := m.gpio()
		if err != nil {
			return err
		}
		const bit = 1 << outputLine
		b.check(fmt.Sprintf("output.set %d, in the chip's registers", i+1), fmt.Sprintf("completed, output, %t", on),
			fmt.Sprintf("%s, data %#x, direction %#x", oneLine(a.Out), data, direction),
			a.Code == 0 && strings.HasPrefix(a.Out, "completed") && direction&bit != 0 && (data&bit != 0) == on)
	}
	return nil
}

// gpio reads data and direction of the first chip.
func (m *monitor) gpio() (data, direction uint32, err error) {
	raw, err := m.execute("human-monitor-command", map[string]any{"command-line": fmt.Sprintf("xp /2xw %#x", registers)})
	if err != nil {
		return 0, 0, err
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return 0, 0, err
	}
	_, words, _ := strings.Cut(text, ":")
	if _, err := fmt.Sscan(words, &data, &direction); err != nil {
		return 0, 0, fmt.Errorf("registers %q: %w", text, err)
	}
	return data, direction, nil
}

// inputs makes edges on lines from outside and compares what the agent counted.
func (b *bed) inputs(ctx context.Context) error {
	for _, name := range []string{"meter", "door"} {
		if _, err := b.sensor(ctx, name, "it is read", func(s diag.Sensor) bool { return s.Condition == "ok" }); err != nil {
			return err
		}
	}
	pins, err := net.Dial("unix", b.qtest)
	if err != nil {
		return err
	}
	defer pins.Close()
	is := func(want float64) func(diag.Sensor) bool {
		return func(s diag.Sensor) bool {
			return s.Last != nil && len(s.Last.Values) == 1 && math.Abs(float64(s.Last.Values[0].Value)-want) < 0.5
		}
	}
	const pulses = 25
	before, err := b.sensor(ctx, "meter", "it counts", is(0))
	if err != nil {
		return err
	}
	for range pulses {
		for _, level := range []int{1, 0} {
			if err := drive(pins, counterLine, level); err != nil {
				return err
			}
			// A pin that changes before the kernel has seen the last change has one edge less.
			time.Sleep(100 * time.Millisecond)
		}
	}
	meter, err := b.sensor(ctx, "meter", fmt.Sprintf("%d pulses", pulses), is(pulses))
	if err != nil {
		return err
	}
	b.check("pulses made on a pin, counted by the agent", fmt.Sprintf("%d more than %.0f", pulses, float64(before.Last.Values[0].Value)), said(meter), true)
	for _, level := range []int{1, 0, 1} {
		if err := drive(pins, contactLine, level); err != nil {
			return err
		}
		door, err := b.sensor(ctx, "door", fmt.Sprintf("level %d", level), is(float64(level)))
		if err != nil {
			return err
		}
		b.check("level of a pin, read by the agent", fmt.Sprintf("on %d", level), said(door), true)
	}
	a, err := b.newest(ctx, "meter", func(a arrival) bool { return a.is(map[string]float64{"count": pulses}) })
	if err != nil {
		return err
	}
	b.check("the count at the hub", fmt.Sprintf("count %d.00", pulses), a.String(), true)
	return nil
}

// drive puts a level on a pin of the first chip, by QEMU's protocol for tests.
func drive(pins net.Conn, line, level int) error {
	if err := pins.SetDeadline(time.Now().Add(hang)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(pins, "set_irq_in /machine/soc/gpio1 unnamed-gpio-in %d %d\n", line, level); err != nil {
		return err
	}
	b := make([]byte, 64)
	n, err := pins.Read(b)
	if err == nil && !strings.HasPrefix(string(b[:n]), "OK") {
		err = fmt.Errorf("qtest: %q", b[:n])
	}
	return err
}
