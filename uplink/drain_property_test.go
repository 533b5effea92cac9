package uplink_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/store"
	"fieldpost/uplink"
)

// Whatever a hub answers, each record is delivered, queued, dead or lost, what is
// delivered has arrived, and what has arrived more than once was sent again. As
// long as the hub hands nothing back each class arrives in its order.
func TestRandomOutcomes(t *testing.T) {
	seeds := uint64(24)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomOutcomes(t, rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

// memoryRig is a rig without a socket, for the virtual time of a bubble.
func memoryRig(t *testing.T) *rig {
	r := newRig(t, hub.Options{Listen: "none"})
	r.opts.Dial = func(ctx context.Context, id uplink.Identity) (net.Conn, error) {
		nc, err := r.hub.Dial(ctx)
		if err != nil {
			return nil, err
		}
		return tls.Client(nc, &tls.Config{RootCAs: id.RootCAs, ServerName: id.Host, Time: time.Now}), nil
	}
	return r
}

// An alarm overtakes readings that wait for a cap of the rate, in batches or not.
func TestAlarmOvertakesUnderARateCap(t *testing.T) {
	for _, batch := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			r := memoryRig(t)
			r.dopts.BatchRecords, r.dopts.Rate = batch, 2
			r.append(200)
			r.start()
			time.Sleep(10 * time.Second)
			alarm, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Alarm}, Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
			received := r.received()
			must(t, received[alarm.IDs()[0].String()] == 1, "batches of %d: the alarm waits", batch)
			must(t, len(received) <= 2*13+3, "batches of %d: %d records in 13 s at 2/s", batch, len(received))
		})
	}
}

func randomOutcomes(t *testing.T, rnd *rand.Rand) {
	calm := rnd.IntN(3) == 0    // nothing is handed back
	doomed := map[string]bool{} // those that the hub rejects for what they hold
	r := memoryRig(t)
	r.dopts.BatchRecords = []int{0, 0, 1, 10}[rnd.IntN(4)]
	r.dopts.Window = 1 + rnd.IntN(20)
	r.dopts.WindowBytes = 1 << (10 + rnd.IntN(8))
	r.dopts.LiveFirst = rnd.IntN(2) == 0
	r.dopts.Pack = !calm && rnd.IntN(3) == 0
	r.dopts.Gzip = rnd.IntN(2) == 0
	if rnd.IntN(3) == 0 {
		r.dopts.Rate = 100
	}
	r.dopts.SettleWithin = 5 * time.Second
	handBack := []hub.Settlement{
		hub.Release, hub.Modify,
		hub.RejectWith("com.microsoft:device-container-throttled", "429"),
		hub.RejectWith("amqp:resource-limit-exceeded", `{"errorCode":403002}`),
		hub.RejectWith("amqp:unauthorized-access", "Token Expired"),
		hub.RejectWith("com.example:odd", "once"),
	}
	trouble := 60 // of the answers that are none
	whim := rand.New(rand.NewPCG(rnd.Uint64(), 1))
	r.answers(func(e hub.Event) hub.Settlement {
		if bytes.Contains(plain(t, e), []byte("doomed")) {
			return hub.RejectWith("amqp:decode-error", "doomed")
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if trouble > 0 && whim.IntN(8) == 0 {
			trouble--
			switch n := whim.IntN(8); {
			case n == 0:
				return hub.NoAnswer
			case n == 1:
				return hub.DropConnection
			case !calm:
				return handBack[whim.IntN(len(handBack))]
			}
		}
		return hub.Accept
	})
	var all []store.ID
	put := func(n int) {
		for range n {
			class := []store.Class{store.Telemetry, store.Telemetry, store.Alarm, store.Result}[rnd.IntN(4)]
			text, doom := strings.Repeat("x", rnd.IntN(1500)), !calm && rnd.IntN(20) == 0
			if doom {
				text = "doomed"
			}
			ticket, err := r.store.Append(t.Context(), store.Record{
				ID: store.ID{Class: class}, Kind: store.KindTelemetry, Stamp: r.clock.Now(), ContentType: "application/json",
				Props: map[string]string{"sensor": "boiler"}, Body: fmt.Appendf(nil, `{"n":%d,"x":%q}`, len(all), text),
			})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ticket.IDs()...)
			if doom {
				doomed[ticket.IDs()[0].String()] = true
			}
		}
	}
	put(rnd.IntN(400))
	r.start()
	for range rnd.IntN(10) {
		time.Sleep(time.Duration(rnd.IntN(2000)) * time.Millisecond)
		put(rnd.IntN(60))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	if err := r.drain.Drained(ctx); err != nil {
		t.Fatalf("not drained: %+v, %+v, %+v", r.store.Stats().PerClass, r.link.State(), r.drain.Stats())
	}
	arrived, order := map[string]int{}, map[store.Class][]uint64{}
	for _, e := range r.hub.Events() {
		ids := []string{e.MessageID}
		if e.Properties["pack"] != nil {
			ids = ids[:0]
			for _, p := range unpack(t, e) {
				ids = append(ids, p.ID)
			}
		}
		for _, text := range ids {
			id, err := store.ParseID(text)
			if err != nil {
				t.Fatal(err)
			}
			if arrived[text]++; arrived[text] == 1 {
				order[id.Class] = append(order[id.Class], id.Seq)
			}
		}
	}
	twice := uint64(0)
	for _, id := range all {
		n := arrived[id.String()]
		if n == 0 && !doomed[id.String()] {
			t.Errorf("%s is lost", id)
		}
		twice += uint64(max(n-1, 0))
	}
	s := r.drain.Stats()
	must(t, twice <= s.Resent, "%d duplicates, %d were sent again", twice, s.Resent)
	must(t, s.Accepted == uint64(len(all)-len(doomed)) && s.Rejected == uint64(len(doomed)), "drain: %+v, %d records, %d doomed", s, len(all), len(doomed))
	must(t, s.InFlight == 0 && s.FlightBytes == 0, "something is still in flight: %+v", s)
	for class, c := range r.store.Stats().PerClass {
		must(t, c.Produced == c.Delivered+c.Queued+c.Dead+c.Lost && c.Queued == 0 && c.Lost == 0, "class %d: %+v", class, c)
	}
	if calm && !r.dopts.LiveFirst {
		for class, seqs := range order {
			for i, seq := range seqs {
				if seq != uint64(i+1) {
					t.Fatalf("class %s: arrival %d is %d", class, i+1, seq)
				}
			}
		}
	}
}
