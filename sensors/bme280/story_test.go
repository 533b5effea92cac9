package bme280_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/internal/clock"
	"fieldpost/sensors"
	"fieldpost/sensors/bme280"
)

// TestTroubleOnTheBus puts a sampler, the unmodified driver and a simulated
// board together and breaks one thing after the other. The bubble ends only when
// no goroutine is left.
func TestTroubleOnTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part, other := boardsim.NewBME280(), boardsim.NewBME280()
		bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{0x76: part, 0x77: other})
		opener := board.BusOpener(boardsim.New(boardsim.Options{Buses: []*boardsim.Bus{bus}}), "/dev/i2c-1")
		s := sensors.NewSampler(sensors.SamplerOptions{
			Bus: "cabinet",
			Sensors: []sensors.Sensor{
				{Name: "in", Bus: "cabinet", Source: "bme280", Open: bme280.Open(opener, 0x76), Every: time.Second},
				{Name: "out", Bus: "cabinet", Source: "bme280", Open: bme280.Open(opener, 0x77), Every: time.Second},
			},
			Clock: clock.NewFake(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)).Follow(),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()

		const recovery = 11 * time.Minute // above the longest pause between tries
		// expect lets d pass and checks both sensors.
		expect := func(when string, d time.Duration, in, inReason, inHint, out string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			st := s.States()
			if st[0].Condition != in || !strings.Contains(st[0].Reason, inReason) || !strings.Contains(st[0].Hint, inHint) {
				t.Errorf("%s: in is %s: %s (%s)", when, st[0].Condition, st[0].Reason, st[0].Hint)
			}
			if st[1].Condition != out {
				t.Errorf("%s: out is %s: %s", when, st[1].Condition, st[1].Reason)
			}
		}
		const ok, failing, hung = sensors.OK, sensors.Failing, sensors.Hung
		expect("start", 3500*time.Millisecond, ok, "", "", ok)
		part.SetFault(boardsim.Absent)
		expect("absent", 5*time.Minute, failing, "no acknowledgement", "wiring", ok)
		part.SetFault(boardsim.NoFault)
		expect("there again", recovery, ok, "", "", ok)
		part.SetFault(boardsim.StuckBusy)
		expect("stuck busy", time.Minute, failing, "stays busy", "power-cycle", ok)
		part.SetFault(boardsim.NoFault)
		expect("not busy any more", recovery, ok, "", "", ok)
		part.SetFault(boardsim.Corrupt)
		expect("floating", time.Minute, failing, "0xff", "SDA", ok)
		part.SetFault(boardsim.Hang)
		expect("holding the bus", recovery, hung, "has not returned", "power-cycle", hung)
		part.SetFault(boardsim.NoFault)
		expect("bus released", recovery, ok, "", "", ok)
		bus.Unplug()
		expect("adapter unplugged", time.Minute, failing, "", "", failing)
		expect("still unplugged", recovery, failing, "file does not exist", "dtparam=i2c_arm=on", failing)
		bus.Plug()
		expect("adapter plugged in", recovery, ok, "", "", ok)

		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
