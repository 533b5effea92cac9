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

// item is one message on its way.
type item struct {
	lease   *store.Lease
	id      store.ID
	size    int
	sent    time.Time
	receipt amqp.SendReceipt
}

// flight is the life of one sender link: one goroutine sends, one waits for the
// answers in the order of sending.
type flight struct {
	*Drain
	sender *amqp.Sender
	queue  chan item // sent, not answered; holds a whole window

	limit       context.Context // ends the wait for an answer; see wait
	cancelLimit context.CancelFunc
}

func newFlight(d *Drain, sender *amqp.Sender) *flight {
	return &flight{Drain: d, sender: sender, queue: make(chan item, d.opts.Window), cancelLimit: func() {}}
}

// run returns when the link is of no more use or ctx ends, with every lease
// settled or given back.
func (f *flight) run(ctx context.Context) error {
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	defer func() { f.cancelLimit() }()
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
		limit, _ := f.pace.window()
		lease, err := f.opts.Store.Next(ctx, store.Want{
			Records:   max(1, limit/2),
			Bytes:     f.opts.WindowBytes / 2,
			LiveFirst: f.opts.LiveFirst,
		})
		if err != nil {
			return fmt.Errorf("lease records: %w", err)
		}
		records := lease.Records()
		n, err := f.sendAll(ctx, g, lease, records)
		if n < len(records) {
			lease.Release(ids(records[n:])...)
		}
		if err != nil && !errors.Is(err, errPaused) {
			return err
		}
	}
}

func ids(records []store.Record) []store.ID {
	out := make([]store.ID, len(records))
	for i := range records {
		out[i] = records[i].ID
	}
	return out
}

// sendAll sends the records of one lease in order and returns how many it dealt
// with.
func (f *flight) sendAll(ctx context.Context, g *guard, lease *store.Lease, records []store.Record) (int, error) {
	for i := range records {
		r := &records[i]
		it := item{lease: lease, id: r.ID, size: size(r)}
		msg, err := newMessage(r, f.opts.Timeline)
		if err != nil {
			f.bury(&it, err)
			continue
		}
		if err := f.pace.enter(ctx, it.size); err != nil {
			return i, err
		}
		it.sent = time.Now()
		g.arm()
		it.receipt, err = f.sender.SendWithReceipt(ctx, msg, nil)
		g.disarm()
		if err != nil {
			f.pace.leave(it.size)
			if !unsendable(err) {
				return i, sendError(ctx, err)
			}
			f.bury(&it, fmt.Errorf("cannot be sent: %s", words(err)))
			continue
		}
		f.count(func(s *DrainStats) { s.Sent++ })
		f.queue <- it
	}
	return len(records), nil
}
