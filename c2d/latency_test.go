package c2d_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/hub"
	"fieldpost/internal/service"
)

// BenchmarkCommand is the time from a command sent to its feedback received, and
// from a method called to its answer, over the local hub on the loopback
// interface; with the syncs of the journal and without.
func BenchmarkCommand(b *testing.B) {
	for _, synced := range []bool{true, false} {
		for _, door := range []string{c2d.DoorDevicebound, c2d.DoorMethods} {
			b.Run(fmt.Sprintf("%s/synced=%v", door, synced), func(b *testing.B) {
				p := newPost(b, hub.Options{FeedbackEvery: time.Millisecond})
				p.sync = synced
				a := p.agent(c2d.Options{AllowMethods: []string{"echo"}}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
				one := func() {
					if door == c2d.DoorMethods {
						p.invoke(hub.Method{Name: "echo"})
						return
					}
					p.told(p.send("", "echo", ""), service.StatusSuccess)
				}
				one()
				n := percentiles(b, one)
				b.ReportMetric(float64(a.store.Stats().Syncs)/float64(n+1), "syncs/command")
			})
		}
	}
}

// BenchmarkFeedbackRule is the time from a lone command sent to its feedback
// received, from a hub that lets feedback wait 15 s for more. At most three
// commands fit into the minute of a test.
func BenchmarkFeedbackRule(b *testing.B) {
	p := newPost(b, hub.Options{FeedbackEvery: 15 * time.Second})
	p.sync = true
	p.agent(c2d.Options{}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
	percentiles(b, func() { p.told(p.send("", "echo", ""), service.StatusSuccess) })
}

// percentiles reports how long f takes, and returns how often it was run.
func percentiles(b *testing.B, f func()) int {
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		f()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	for _, q := range []int{50, 99} {
		b.ReportMetric(float64(took[(len(took)-1)*q/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", q))
	}
	return len(took)
}
