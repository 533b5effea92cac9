package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"fieldpost/bench/board/errand"
	"fieldpost/bench/desk"
	"fieldpost/hub"
	"fieldpost/internal/diag"
)

// arrival is a reading at the hub.
type arrival struct {
	id      string
	at      time.Time // when it was sampled
	values  map[string]float64
	quality string
}

// arrivals are the readings of a sensor at the hub, each once.
func (b *bed) arrivals(sensor string) []arrival { return arrivalsOf(sensor, b.hub.Events()) }

func arrivalsOf(sensor string, events []hub.Event) (all []arrival) {
	seen := map[string]bool{}
	for _, e := range events {
		if e.Properties["sensor"] == sensor && !seen[e.MessageID] {
			seen[e.MessageID] = true
			all = append(all, arrived(e))
		}
	}
	return all
}

func arrived(e hub.Event) arrival {
	a := arrival{id: e.MessageID}
	// What is no time or no object of numbers stays zero, which no comparison takes.
	sampled, _ := e.Properties["iothub-creation-time-utc"].(string)
	a.at, _ = time.Parse(time.RFC3339, sampled)
	_ = json.Unmarshal(e.Body, &a.values)
	a.quality, _ = e.Properties["quality"].(string)
	return a
}

// newest waits for a reading of a sensor at the hub that is as wanted, beyond those
// that were there.
func (b *bed) newest(ctx context.Context, sensor string, want func(arrival) bool) (a arrival, err error) {
	before := len(b.arrivals(sensor))
	err = b.until(ctx, "a reading of "+sensor+" at the hub", func() (bool, error) {
		all := b.arrivals(sensor)
		if len(all) <= before {
			return false, fmt.Errorf("none has come since")
		}
		a = all[len(all)-1]
		return want(a), fmt.Errorf("the last is %s", a)
	})
	return a, err
}

// String is the values in one line.
func (a arrival) String() string {
	var parts []string
	for name, v := range a.values {
		parts = append(parts, fmt.Sprintf("%s %.2f", name, v))
	}
	slices.Sort(parts)
	text := strings.Join(parts, ", ")
	if a.quality != "" {
		text += " (" + a.quality + ")"
	}
	return text
}

// is reports whether the values are these, as exactly as the parts count.
func (a arrival) is(want map[string]float64) bool {
	if len(a.values) != len(want) {
		return false
	}
	for name, v := range want {
		// The coarsest is the pressure of a BME280.
		if got, ok := a.values[name]; !ok || math.Abs(got-v) > 0.07 {
			return false
		}
	}
	return true
}

// account stops the agent and checks that everything it produced is at the hub or
// in its store, and that what was not sampled was counted. Where there were faults,
// so many samples at least must be missing.
func (b *bed) account(ctx context.Context, missing int) error {
	var queue struct {
		Refused uint64
		ByClass map[string]struct{ Produced uint64 } `json:"by_class"`
	}
	// What is missed after the agent was asked for its counts is not in them.
	before := b.hub.Events()
	sensors, err := b.sensors(ctx)
	if err == nil {
		err = b.ask(ctx, &queue, "queue")
	}
	if err != nil {
		return err
	}
	code, err := b.stop(ctx)
	if err != nil {
		return err
	}
	b.check("the agent ends in order", "exit code 0", fmt.Sprintf("exit code %d", code), code == 0)
	kept, err := b.kept(ctx)
	if err != nil {
		return err
	}
	produced := map[string]uint64{}
	for class, n := range queue.ByClass {
		produced[class] = n.Produced
	}
	a, err := desk.Settle(produced, b.hub.Arrived(), kept)
	if err != nil {
		return err
	}
	b.check("records: produced = at the hub + in its store", "0 lost, 0 strange", fmt.Sprintf("%d = %d + %d, %d lost, %d strange", a.Produced, a.Delivered, a.Kept, a.Lost(), len(a.Strange)),
		a.Lost() == 0 && len(a.Strange) == 0 && a.Delivered > 0 && queue.Refused == 0)
	b.gaps(before, sensors, missing)
	return nil
}

// kept are the message-ids in the store of the agent, which has stopped.
func (b *bed) kept(ctx context.Context) (ids []string, err error) {
	a, err := b.do(ctx, errand.Errand{Do: errand.Run, Args: []string{agentFile, "fsck", "--store", agentDir + "/state", "--salvage", "-"}})
	if err == nil && a.Code != 0 {
		err = fmt.Errorf("agent fsck: exit code %d: %s", a.Code, a.Errors)
	}
	if err != nil {
		return nil, err
	}
	return desk.Salvaged([]byte(a.Out))
}

// gaps compares the grid of each sensor with what had arrived when it was asked for its
// counts: what is missing between the first and the last reading must be counted as
// failed or missed.
func (b *bed) gaps(events []hub.Event, sensors map[string]diag.Sensor, atLeast int) {
	missing, uncounted := 0, 0
	for name, s := range sensors {
		gap := missingTicks(arrivalsOf(name, events), s.EveryS)
		missing += gap
		uncounted += max(gap-int(s.Failures+s.Missed), 0)
	}
	b.check("samples of the grid that are not at the hub", fmt.Sprintf("%d or more, each counted as failed or missed", atLeast),
		fmt.Sprintf("%d, of these %d not counted", missing, uncounted), missing >= atLeast && uncounted == 0)
}

// missingTicks is how many readings of a grid are certainly not there, between the
// first and the last. A reading is taken at its tick or, by an agent that has much to
// do, at any time before the next.
func missingTicks(all []arrival, everyS float64) int {
	if len(all) == 0 {
		return 0
	}
	var first, last time.Time
	for _, a := range all {
		if first.IsZero() || a.at.Before(first) {
			first = a.at
		}
		if a.at.After(last) {
			last = a.at
		}
	}
	apart := last.Sub(first) - time.Millisecond // what a time at the hub is rounded to
	return max(int(apart.Seconds()/everyS)+1-len(all), 0)
}
