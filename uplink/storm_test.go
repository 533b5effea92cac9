package uplink_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// Many devices lose the same hub in the same moment. The first attempt of each is
// immediate; after that they are spread, and no second sees a wave.
func TestManyLinksSpreadTheirAttempts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig, l *line) {
		const links = 120
		r.start()
		var stops []func()
		for i := range links - 1 {
			o := r.opts
			o.OnState = nil
			// Another device: else each would take the connection from the others.
			o.Identity = r.another("other-" + strconv.Itoa(i))
			stops = append(stops, r.runs(uplink.NewLink(o).Run))
		}
		time.Sleep(90 * time.Second)
		must(t, len(l.dialed()) == links, "%d dials of %d links", len(l.dialed()), links)
		l.cut()
		cut := time.Now()
		time.Sleep(10 * time.Minute)
		var seconds [600]int
		for _, at := range l.dialed()[links:] {
			seconds[min(599, int(at.Sub(cut)/time.Second))]++
		}
		must(t, seconds[0] == links, "%d immediate attempts", seconds[0])
		// Every link waits one to two seconds: two thirds of them in each second, all of
		// them in the second after the first.
		t.Logf("attempts by second: %v ... by minute: %v", seconds[:40], minutes(seconds[:]))
		must(t, seconds[1] <= links, "%d attempts in the second after", seconds[1])
		must(t, slices.Max(seconds[3:30]) <= links*9/10, "%d attempts in one second", slices.Max(seconds[3:30]))
		must(t, slices.Max(seconds[60:]) <= links/4, "%d attempts in one second after a minute", slices.Max(seconds[60:]))
		must(t, slices.Max(seconds[300:]) <= links/6, "%d attempts in one second after five minutes", slices.Max(seconds[300:]))
		for _, stop := range stops {
			stop()
		}
	})
}

// another returns the identity of one more device.
func (r *rig) another(name string) func() (uplink.Identity, error) {
	r.t.Helper()
	if _, err := r.hub.AddDevice(name); err != nil {
		r.t.Fatal(err)
	}
	text, err := r.hub.DeviceConnectionString(name)
	if err != nil {
		r.t.Fatal(err)
	}
	cs, err := auth.ParseConnectionString(text)
	if err != nil {
		r.t.Fatal(err)
	}
	id := r.identity()
	id.DeviceID, id.Key = name, cs.SharedAccessKey
	return func() (uplink.Identity, error) { return id, nil }
}

// minutes sums up counts by second.
func minutes(seconds []int) []int {
	sums := make([]int, len(seconds)/60)
	for i, n := range seconds {
		sums[i/60] += n
	}
	return sums
}
