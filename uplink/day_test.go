package uplink_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/store"
	"fieldpost/uplink"
)

// count reads how often a proof is to be done.
func count(t *testing.T, variable string, usual int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(variable))
	if err != nil {
		return usual
	}
	return n
}

// table writes a line to the table of a proof, or to the log.
func table(t *testing.T, format string, args ...any) {
	t.Helper()
	path := os.Getenv("FIELDPOST_TABLE")
	if path == "" {
		t.Logf(format, args...)
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(f, format+"\n", args...)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// mostAMinute and mostAnHour bound the attempts to connect: after each good
// connection there are up to thirty within half a minute, and a good connection
// takes a minute.
const (
	mostAMinute = 45
	mostAnHour  = 900
	// resumesWithin bounds the time from the return of the line to the link: the
	// longest wait, a dial that had begun before and hangs, and the silence of a
	// connection that nobody has ended.
	resumesWithin = 5*time.Minute + 2*time.Minute
)

// A day on a line that comes and goes, in virtual time: nothing is lost, the hub is
// not stormed, and the link is back whenever the line is.
func TestDayOfAFlappingLink(t *testing.T) {
	days := 3
	if testing.Short() {
		days = 1
	}
	seeds := count(t, "FIELDPOST_DAY_SEEDS", days)
	first := count(t, "FIELDPOST_DAY_FIRST", 0)
	t.Logf("%d days", seeds)
	table(t, "seed  style    cuts  holes  connects  attempts  a minute  an hour  records  lost  twice  slowest return  longest wait")
	for seed := first; seed < first+seeds; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig, l *line) {
				(&flappingDay{rig: r, line: l, seed: seed, rnd: rand.New(rand.NewPCG(uint64(seed), 24))}).live(t)
			})
		})
	}
}

// flappingDay is one day of a link.
type flappingDay struct {
	*rig
	line *line
	seed int
	rnd  *rand.Rand

	ids         []store.ID
	cuts, holes int
	slowest     time.Duration // from the return of the line to the link
}

// styles are how long a line is up and down, in the mean.
var styles = []struct {
	name     string
	up, down time.Duration
}{
	{"ship", 20 * time.Minute, 10 * time.Minute},
	{"barn", 2 * time.Hour, 30 * time.Second},
	{"flap", 7 * time.Second, 3 * time.Second},
	{"minute", 62 * time.Second, 5 * time.Second},
	{"mixed", 5 * time.Minute, 2 * time.Minute},
}

func (d *flappingDay) live(t *testing.T) {
	style := styles[d.seed%len(styles)]
	began := time.Now()
	d.answers(fickle(uint64(d.seed)))
	d.start()
	for end := began.Add(24 * time.Hour); time.Now().Before(end); {
		d.lasts(d.span(style.up))
		if d.rnd.IntN(2) == 0 && (style.up > time.Minute || d.rnd.IntN(20) == 0) {
			d.ids = append(d.ids, d.append(1+d.rnd.IntN(5))...)
		}
		if d.rnd.IntN(3) == 0 {
			d.holes++
			d.line.swallow()
		} else {
			d.cuts++
			d.line.cut()
		}
		d.line.black(d.rnd.IntN(2) == 0)
		d.lasts(d.span(style.down))
		d.line.restore()
	}
	d.line.restore()
	d.settled(time.Now(), 24*time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Hour)
	defer cancel()
	if err := d.drain.Drained(ctx); err != nil {
		t.Fatalf("records are left: link %+v, drain %+v", d.link.State(), d.drain.Stats())
	}
	d.mustHave(d.ids, d.drain.Stats().Resent)

	minute, hour := busiest(d.line.dialed(), time.Minute), busiest(d.line.dialed(), time.Hour)
	must(t, minute <= mostAMinute, "%d attempts in one minute", minute)
	must(t, hour <= mostAnHour, "%d attempts in one hour", hour)
	longest := time.Duration(0)
	for _, s := range d.told() {
		if !s.NextAttempt.IsZero() {
			longest = max(longest, s.NextAttempt.Sub(s.Since))
		}
	}
	must(t, longest <= 5*time.Minute, "a wait of %s", longest)
	logged := d.logged()
	lost, twice := 0, 0
	for _, id := range d.ids {
		switch n := logged[id.String()]; n {
		case 0:
			lost++
		default:
			twice += n - 1
		}
	}
	s := d.link.State()
	table(t, "%-4d  %-7s  %4d  %5d  %8d  %8d  %8d  %7d  %7d  %4d  %5d  %14s  %12s", d.seed, style.name, d.cuts, d.holes, s.Connects,
		len(d.line.dialed()), minute, hour, len(d.ids), lost, twice, d.slowest.Round(time.Second), longest.Round(time.Second))
}

// fickle is a hub that loses an answer in a hundred, which makes duplicates.
func fickle(seed uint64) func(hub.Event) hub.Settlement {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 7))
	return func(hub.Event) hub.Settlement {
		mu.Lock()
		defer mu.Unlock()
		switch rnd.IntN(200) {
		case 0, 1:
			return hub.NoAnswer
		case 2:
			return hub.Release
		}
		return hub.Accept
	}
}

// span draws a time around mean, most of them shorter, a few much longer.
func (d *flappingDay) span(mean time.Duration) time.Duration {
	return time.Second/10 + time.Duration(d.rnd.ExpFloat64()*float64(mean))
}

// lasts lets time pass, with a record a minute.
func (d *flappingDay) lasts(span time.Duration) {
	began := time.Now()
	for end := began.Add(span); ; {
		d.settled(began, time.Since(began))
		left := time.Until(end)
		if left <= 0 {
			return
		}
		time.Sleep(min(left, time.Minute))
		if left > time.Minute || d.rnd.IntN(10) == 0 {
			d.ids = append(d.ids, d.append(1)...)
		}
	}
}

// settled checks that the link is back after the line has been for so long.
func (d *flappingDay) settled(since time.Time, up time.Duration) {
	d.line.mu.Lock()
	down := d.line.down
	d.line.mu.Unlock()
	if down || up < resumesWithin {
		return
	}
	synctest.Wait()
	s := d.link.State()
	if s.Phase != uplink.PhaseOnline && up < 24*time.Hour {
		d.t.Fatalf("seed %d: the line is there for %s, the link is not: %+v", d.seed, up, s)
	}
	if s.Since.After(since) {
		d.slowest = max(d.slowest, s.Since.Sub(since))
	}
}

// busiest counts the most attempts within one span.
func busiest(dials []time.Time, span time.Duration) int {
	most := 0
	for i, at := range dials {
		n, _ := slices.BinarySearchFunc(dials[i:], at.Add(span), time.Time.Compare)
		most = max(most, n)
	}
	return most
}
