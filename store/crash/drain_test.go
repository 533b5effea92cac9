//go:build linux && proof

package crash

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"fieldpost/store"
)

// drain takes a lease for every batch appended, so that the queue neither empties
// nor runs full, and verifies the order of what it is handed.
func (a *agent) drain(ctx context.Context) {
	rnd := a.rand(5)
	across := order{two: a.Drain == drainLive}
	for {
		select {
		case <-a.batch:
		case <-ctx.Done():
			return
		}
		w := store.Want{Records: 1 + rnd.IntN(60), LiveFirst: a.Drain == drainLive || a.Drain == drainScattered && rnd.IntN(2) == 0}
		if rnd.IntN(3) == 0 {
			w.Bytes = 1 + rnd.IntN(8000)
		}
		l, err := a.s.Next(ctx, w)
		if !a.check("next", err) {
			return
		}
		within := order{two: w.LiveFirst}
		var class store.Class
		for _, r := range l.Records() {
			text := within.next(r.ID)
			if a.Drain != drainScattered && text == "" {
				text = across.next(r.ID)
			}
			if text == "" && r.Class < class {
				text = r.ID.String() + " came after class " + class.String()
			}
			class = r.Class
			if text != "" {
				a.mark("fault: order:", text)
			}
			if text := spoilt(&r); text != "" {
				a.mark("fault: content:", text)
			}
		}
		if a.Drain == drainScattered {
			a.scatter(rnd, l)
		} else {
			a.ack(l, l.Records())
		}
		l.Release()
	}
}

// ack settles records as accepted.
func (a *agent) ack(l *store.Lease, recs []store.Record) {
	if len(recs) == 0 {
		return
	}
	ids := make([]store.ID, len(recs))
	words := make([]string, len(recs))
	for i, r := range recs {
		ids[i], words[i] = r.ID, r.ID.String()
	}
	a.mark("acking", words...)
	l.Ack(ids...)
	a.mark("acked", append([]string{strconv.FormatInt(time.Now().UnixNano(), 10)}, words...)...)
}

// scatter settles some records of a lease, in any order.
func (a *agent) scatter(rnd *rand.Rand, l *store.Lease) {
	recs := append([]store.Record(nil), l.Records()...)
	rnd.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
	n := rnd.IntN(len(recs) + 1)
	if n > 1 && rnd.IntN(8) == 0 {
		n--
		if r := recs[n]; r.Kind != store.KindLedger {
			a.mark("dying", r.ID.String())
			l.Dead(r.ID, errors.New("no such field"))
		}
	}
	for _, r := range recs[:n] {
		a.ack(l, []store.Record{r})
	}
}
