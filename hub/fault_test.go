package hub_test

import (
	"testing"
	"testing/synctest"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// faulty runs f with a hub in memory, in virtual time, that has the device dev1
// and misbehaves by the lines.
func faulty(t *testing.T, f func(*testing.T, *rig), lines ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var opts hub.Options
		for _, line := range lines {
			opts.Faults = append(opts.Faults, hub.MustParseFault(line))
		}
		r := newMemoryRig(t, opts)
		r.device("dev1")
		f(t, r)
	})
}

// inject starts a fault and returns its identifier.
func (r *rig) inject(line string) int {
	r.Helper()
	f, err := hub.ParseFault(line)
	r.must(err)
	return r.hub.Inject(f)
}

// struck wants the fault to have struck n times. What it strikes may feel it first.
func (r *rig) struck(id, n int) {
	r.Helper()
	if n > 0 {
		r.must(r.hub.AwaitFault(r.ctx, id, n))
	}
	for _, s := range r.hub.Faults() {
		if s.ID == id {
			if s.Struck != n {
				r.Errorf("%s struck %d times, want %d", s.Fault, s.Struck, n)
			}
			return
		}
	}
	r.Errorf("no fault %d", id)
}

func text(s string) *amqp.Message { return amqp.NewMessage([]byte(s)) }

// outcomes sends messages one after another and returns a letter for each
// outcome.
func (p *peer) outcomes(s *amqp.Sender, n int) string {
	p.Helper()
	var all []byte
	for range n {
		switch state := p.outcome(s, text("x")).(type) {
		case *amqp.StateAccepted:
			all = append(all, 'a')
		case *amqp.StateRejected:
			all = append(all, 'R')
		case *amqp.StateReleased:
			all = append(all, 'L')
		case *amqp.StateModified:
			all = append(all, 'M')
		case nil:
			all = append(all, '-')
		default:
			p.Fatalf("outcome %#v", state)
		}
	}
	return string(all)
}

// When a fault strikes, by the clauses of its line.
func TestFaultClauses(t *testing.T) {
	for line, want := range map[string]string{
		"reject":                        "RRRRRRRRRR",
		"reject after=3":                "aaaRRRRRRR",
		"reject count=2":                "RRaaaaaaaa",
		"reject after=2 count=3":        "aaRRRaaaaa",
		"reject every=4":                "aaaRaaaRaa",
		"reject every=2 count=2":        "aRaRaaaaaa",
		"reject after=1 every=3":        "aaaRaaRaaR",
		"reject p=0.3 seed=2":           "aaRRRRaaaa",
		"reject p=0.3 seed=3":           "aaaaaaaRaR",
		"reject device=dev1":            "RRRRRRRRRR",
		"reject device=dev2":            "aaaaaaaaaa",
		"reject telemetry twin":         "RRRRRRRRRR",
		"reject connection=1":           "RRRRRRRRRR",
		"reject connection=2":           "aaaaaaaaaa",
		"reject twin methods":           "aaaaaaaaaa",
		"release count=1":               "Laaaaaaaaa",
		"modify every=5":                "aaaaMaaaaM",
		"stateless after=8":             "aaaaaaaa--",
		"quota after=9":                 "aaaaaaaaaR",
		"throttle after=4 count=1":      "aaaaRaaaaa",
		"throttle rate=4":               "aaaaRRRRRR",
		"throttle rate=4 count=3":       "aaaaRRRaaa",
		"detach condition=x:y after=11": "aaaaaaaaaa",
	} {
		faulty(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			if got := d.outcomes(d.sender(telemetryAddress("dev1")), 10); got != want {
				t.Errorf("%s: %s, want %s", line, got, want)
			}
		}, line)
	}
}

// onTCP is faulty with a hub on a port of its own.
func onTCP(t *testing.T, f func(*testing.T, *rig)) {
	t.Helper()
	r := newRig(t, hub.Options{})
	r.device("dev1")
	f(t, r)
}
