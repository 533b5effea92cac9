package hub_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
)

func TestAwaitFault(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		id := r.inject("reject after=2 count=2")
		struck := make(chan error)
		go func() { struck <- r.hub.AwaitFault(r.ctx, id, 2) }()
		if got := d.outcomes(s, 3); got != "aaR" {
			t.Fatalf("outcomes %s", got)
		}
		select {
		case err := <-struck:
			t.Errorf("awaited after one strike: %v", err)
		default:
		}
		d.outcomes(s, 1)
		r.must(<-struck)
		if err := r.hub.AwaitFault(r.ctx, id, 3); err == nil || !strings.Contains(err.Error(), "over after 2 strikes: reject after=2 count=2") {
			t.Errorf("await of a fault that is over: %v", err)
		}
		id = r.inject("reject after=10")
		ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
		defer cancel()
		if err := r.hub.AwaitFault(ctx, id, 1); err == nil || !strings.Contains(err.Error(), "deadline") {
			t.Errorf("await until the context ends: %v", err)
		}
		go func() { struck <- r.hub.AwaitFault(r.ctx, id, 1) }()
		time.Sleep(time.Second)
		r.hub.Heal(id)
		if err := <-struck; err == nil {
			t.Error("await of a healed fault")
		}
		if err := r.hub.AwaitFault(r.ctx, id, 1); err == nil {
			t.Error("await of no fault")
		}
	})
}

func TestHealedFaultStrikesNoMore(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		if got := d.outcomes(s, 2); got != "LL" {
			t.Errorf("outcomes %s", got)
		}
		for _, want := range []bool{true, false} {
			if healed := r.hub.Heal(1); healed != want {
				t.Errorf("healed %v, want %v", healed, want)
			}
			if got := d.outcomes(s, 2); got != "RR" {
				t.Errorf("outcomes %s", got)
			}
		}
		if got := r.hub.Faults(); len(got) != 1 || got[0].ID != 2 || got[0].Struck != 4 || got[0].Over || got[0].Fault.String() != "reject" {
			t.Errorf("faults %+v", got)
		}
	}, "release", "reject")
}

func TestFaultsForATime(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		for i, want := range []string{"a", "R", "R", "a", "a"} {
			if got := d.outcomes(s, 1); got != want {
				t.Errorf("after %d minutes: %s, want %s", i, got, want)
			}
			time.Sleep(time.Minute)
		}
		if got := r.hub.Faults(); !got[0].Over || got[0].Struck != 2 {
			t.Errorf("fault %+v", got[0])
		}
		id := r.inject("reject every=1m for=10m")
		all := ""
		for range 10 {
			all += d.outcomes(s, 1)
			time.Sleep(25 * time.Second)
		}
		if all != "aaaRaaRaaR" {
			t.Errorf("every minute: %s", all)
		}
		r.struck(id, 3)
	}, "reject after=50s for=90s")
}

// The first fault that strikes deals with a message; the others never see it.
func TestFirstFaultDealsWithTheMessage(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		if got := d.outcomes(d.sender(telemetryAddress("dev1")), 6); got != "LRLRLR" {
			t.Errorf("outcomes %s", got)
		}
	}, "reject every=2", "release")
}

func TestFaultsBesideOptionsOutcome(t *testing.T) {
	r := newRig(t, hub.Options{
		Outcome: func(hub.Event) hub.Settlement { return hub.Modify },
		Faults:  []hub.Fault{hub.MustParseFault("release every=2"), hub.MustParseFault("delay by=1ms")},
	})
	r.device("dev1")
	d := r.asDevice("dev1")
	if got := d.outcomes(d.sender(telemetryAddress("dev1")), 4); got != "MLML" {
		t.Errorf("outcomes %s", got)
	}
}

func TestNoFaultIsHarmless(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		id := r.hub.Inject(hub.Fault{})
		if f := r.hub.Faults()[0]; !f.Over || f.Fault.String() != "" || f.Fault.Name() != "" {
			t.Errorf("fault %+v", f)
		}
		d := r.asDevice("dev1")
		d.accepted(d.sender(telemetryAddress("dev1")), text("x"))
		if !r.hub.Heal(id) {
			t.Error("nothing to heal")
		}
	})
}

func TestFaultsThatAreOverAreForgotten(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		lasts := r.inject("no-close")
		for range 300 {
			r.inject("reject count=1")
			d.outcomes(s, 1)
		}
		list := r.hub.Faults()
		if len(list) > 260 || list[0].ID != lasts {
			t.Errorf("%d faults, the first is %d", len(list), list[0].ID)
		}
	})
}

// Faults come and go while devices send: nothing races, and what is accepted is
// logged.
func TestFaultsComeAndGoUnderLoad(t *testing.T) {
	r := newRig(t, hub.Options{})
	ids := []string{"dev1", "dev2", "dev3"}
	var senders sync.WaitGroup
	stop := make(chan struct{})
	accepted := make([]int64, len(ids))
	for i, id := range ids {
		r.device(id)
		d := r.asDevice(id)
		s := d.sender(telemetryAddress(id))
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if s.Send(r.ctx, text("x"), nil) == nil {
						accepted[i]++
					}
				}
			}
		})
	}
	lines := []string{"reject p=0.5 logged", "reject device=dev1", "delay by=1us p=0.3", "no-heartbeat", "stall for=1ms", "no-close device=dev2",
		"clock-skew by=1s", "blackhole device=dev3 for=1ms", "throttle rate=1000", "gwv2", "credit-zero device=dev2"}
	for range 20 {
		var injected []int
		for _, line := range lines {
			injected = append(injected, r.inject(line))
		}
		r.must(r.hub.AwaitFault(r.ctx, injected[0], 20))
		for _, id := range injected {
			r.hub.Heal(id)
		}
	}
	close(stop)
	senders.Wait()
	var sum int64
	for _, n := range accepted {
		sum += n
	}
	if n := r.hub.EventCount(); n < sum || sum == 0 {
		t.Errorf("%d accepted, %d logged", sum, n)
	}
}

// Each fault that is not over sees every message.
func TestActiveFaultsAreBounded(t *testing.T) {
	const most = 256
	many := make([]hub.Fault, most+1)
	for i := range many {
		many[i] = hub.MustParseFault("stall")
	}
	if _, err := hub.New(hub.Options{Listen: "none", Faults: many}); err == nil {
		t.Error("a hub with too many faults")
	}
	faulty(t, func(t *testing.T, r *rig) {
		for _, f := range many[:most] {
			r.hub.Inject(f)
		}
		if id := r.hub.Inject(many[0]); id != 0 || len(r.hub.Faults()) != most {
			t.Errorf("one too many has the identifier %d, there are %d", id, len(r.hub.Faults()))
		}
		r.hub.Heal(7)
		if id := r.hub.Inject(many[0]); id != most+1 {
			t.Errorf("identifier %d when there is room again", id)
		}
	})
}
