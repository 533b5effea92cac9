package uplink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/store"
)

var errStopped = errors.New("stopped before the hub answered")

// item is one transfer on its way: a message, a batch or a pack.
type item struct {
	lease   *store.Lease // nil once its records are settled
	records []store.Record
	trial   *trial
	size    int
	sent    time.Time
	receipt amqp.SendReceipt
}

// flight is the life of one sender link: one goroutine sends, one waits for the
// answers in the order of sending.
type flight struct {
	*Drain
	sender *amqp.Sender
	loader *loader
	queue  chan item // sent, not answered; holds a whole window

	suspects []parcel // of rejected transfers, to be sent again; under mu
	most     int      // a batch holds at most this many bytes; under mu

	ids         []store.ID      // of the settling side
	limit       context.Context // ends the wait for an answer; see answer
	cancelLimit context.CancelFunc
}

func newFlight(d *Drain, sender *amqp.Sender) *flight {
	f := &flight{
		Drain:  d,
		sender: sender,
		loader: &loader{
			letter: newLetter(),
			weigh:  d.budget != nil && !d.budget.steps,
		},
		queue:       make(chan item, d.opts.Window),
		most:        maxBatch,
		cancelLimit: func() {},
	}
	if d.opts.Gzip {
		f.loader.gz = &zipper{}
	}
	if sender != nil && sender.MaxMessageSize() > 0 {
		f.most = int(min(maxBatch, sender.MaxMessageSize()))
	}
	return f
}

// run returns when the link is of no more use or ctx ends, with every lease
// settled or given back.
func (f *flight) run(ctx context.Context) error {
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	defer func() { f.cancelLimit() }()
	defer f.dismiss()
	sending, stop := context.WithCancel(ctx)
	defer stop()
	answered := make(chan error, 1)
	go func() { answered <- f.settle(life, stop) }()
	err := f.send(sending)
	close(f.queue)
	select {
	case fail := <-answered:
		return cmp.Or(fail, err)
	case <-ctx.Done():
		grace := time.AfterFunc(stopWithin, func() { end(errStopped) })
		defer grace.Stop()
		return cmp.Or(<-answered, err)
	}
}

// dismiss gives back what was to be sent again.
func (f *flight) dismiss() {
	for p, ok := f.suspect(); ok; p, ok = f.suspect() {
		f.giveBack(&item{lease: p.lease, records: p.records, trial: p.trial})
	}
}

// send leases and sends until ctx ends or the link does.
func (f *flight) send(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := newGuard(ctx, cancel, f.opts.SettleWithin)
	defer g.disarm()
	for {
		if err := f.pace.ready(ctx); err != nil {
			return err
		}
		p, ok := f.suspect()
		if !ok {
			var err error
			if p, err = f.lease(ctx); err != nil {
				return err
			}
		}
		if err := f.dispatch(ctx, g, p); err != nil && !errors.Is(err, errPaused) && !errors.Is(err, errHeld) {
			return err
		}
	}
}

// dispatch sends the records of a parcel in order and gives back what it cannot
// send now. What was rejected meanwhile goes first: it is older.
func (f *flight) dispatch(ctx context.Context, g *guard, p parcel) error {
	f.loader.look(f.opts.Timeline)
	together := p.trial != nil || len(p.records) >= batchFrom || f.opts.Pack
	for len(p.records) > 0 {
		if p.trial == nil {
			for q, ok := f.suspect(); ok; q, ok = f.suspect() {
				if err := f.dispatch(ctx, g, q); err != nil {
					f.putBack(p)
					return err
				}
			}
		}
		n, err := f.sendOne(ctx, g, p, together)
		p.records = p.records[n:]
		if err != nil {
			f.putBack(p)
			return err
		}
	}
	return nil
}

// putBack returns what is left of a parcel to the store.
func (f *flight) putBack(p parcel) {
	if len(p.records) == 0 {
		return
	}
	if p.trial != nil {
		f.giveBack(&item{lease: p.lease, records: p.records, trial: p.trial})
		return
	}
	p.lease.Release(ids(nil, p.records)...)
}

func ids(out []store.ID, records []store.Record) []store.ID {
	for i := range records {
		out = append(out, records[i].ID)
	}
	return out
}

// sendOne makes one transfer of the first records of p and sends it. It returns
// how many records it dealt with.
func (f *flight) sendOne(ctx context.Context, g *guard, p parcel, together bool) (int, error) {
	if f.mustWait(p.records[0].Class) {
		return 0, errHeld
	}
	c, err := f.load(p.records, together)
	it := item{lease: p.lease, records: p.records[:max(c.n, 1)], trial: p.trial, size: c.size}
	if err != nil {
		f.bury(&it, err)
		return 1, nil
	}
	if err := f.pace.enter(ctx, it.size, c.n); err != nil {
		return 0, err
	}
	it.sent = time.Now()
	g.arm(it.size)
	it.receipt, err = f.sender.SendWithReceipt(ctx, c.msg, nil)
	g.disarm()
	if err != nil {
		f.pace.leave(it.size)
		return f.unsent(ctx, &it, err)
	}
	f.budget.spend(&c)
	f.sent(&c)
	f.queue <- it
	return c.n, nil
}

// unsent deals with the records of a send that failed, and returns how many they
// are; none when they are as they were.
func (f *flight) unsent(ctx context.Context, it *item, err error) (int, error) {
	if !unsendable(err) {
		if err = sendError(ctx, err); errors.Is(err, errNoCredit) {
			return 0, err
		}
		f.giveBack(it) // it may have left before the link broke
		return len(it.records), err
	}
	if len(it.records) > 1 {
		f.bisect(it, true)
	} else {
		f.bury(it, fmt.Errorf("cannot be sent: %s", words(err)))
	}
	return len(it.records), nil
}

func (f *flight) sent(c *cargo) {
	f.count(func(s *DrainStats) {
		s.Sent += uint64(c.n)
		s.Transfers++
		switch {
		case c.msg.Format == batchFormat:
			s.Batches++
			s.LastBatch = c.n
		case c.n > 1:
			s.Packs++
			s.LastBatch = c.n
		}
	})
}

// load makes the next transfer of records of one class: a pack, a batch or a
// single message. The error is about the first record.
func (f *flight) load(records []store.Record, together bool) (cargo, error) {
	most, limit := f.share()
	run := min(most, len(records))
	if !together || run < 2 {
		return f.loader.single(&records[0])
	}
	packs := f.opts.Pack && packable(&records[0])
	for i := range run {
		if r := &records[i]; r.Class != records[0].Class || f.opts.Pack && packable(r) != packs {
			run = i
			break
		}
	}
	var c cargo
	switch {
	case run < 2:
	case packs:
		c = f.loader.pack(records[:run], limit)
	case f.opts.BatchRecords > 1:
		c = f.loader.batch(records[:run], limit)
	}
	if c.n < 2 {
		return f.loader.single(&records[0])
	}
	return c, nil
}

// share is how many records and bytes one transfer may hold now.
func (f *flight) share() (records, bytes int) {
	records, bytes = f.pace.share()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.most == 0 {
		return 1, bytes
	}
	return records, min(bytes, f.most)
}
