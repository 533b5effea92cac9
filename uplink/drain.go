package uplink

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// DrainOptions configures a Drain.
type DrainOptions struct {
	Store    *store.Store   // where the records come from; no default
	Timeline clock.Timeline // resolves the time of each record when it is sent; no default
	DeviceID func() string  // of the identity in use, asked for each link; no default

	Window       int           // messages on their way at most; default 64
	WindowBytes  int           // their bodies and properties at most, but always one message; default 1 MiB, bytes
	LiveFirst    bool          // what was just appended goes before the backlog; default false
	SettleWithin time.Duration // how long the hub may take to answer, or to take another message; default 30s
	BackoffMin   time.Duration // shortest pause after the hub handed a message back; default 1s
	BackoffMax   time.Duration // longest of these pauses; default 5m

	OnSettle func(Settlement) // told what became of each record, from two goroutines; must not block; default nobody
	Log      *slog.Logger     // default discards
}

// Outcomes of a record that was sent, as told to DrainOptions.OnSettle.
const (
	OutcomeAccepted  = "accepted"   // the hub has it: the store forgets it
	OutcomeDead      = "dead"       // it can never be taken: a dead letter
	OutcomeGivenBack = "given back" // still queued, to be sent again under the same message-id
)

// Settlement tells what became of one record.
type Settlement struct {
	ID      store.ID
	Outcome string // one of the Outcome constants
	Cause   error  // of OutcomeDead: in the hub's words
}

func (o *DrainOptions) setDefaults() {
	if o.Window <= 0 {
		o.Window = 64
	}
	if o.WindowBytes <= 0 {
		o.WindowBytes = 1 << 20
	}
	if o.SettleWithin <= 0 {
		o.SettleWithin = 30 * time.Second
	}
	if o.BackoffMin <= 0 {
		o.BackoffMin = time.Second
	}
	if o.BackoffMax <= 0 {
		o.BackoffMax = 5 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// DrainStats counts since NewDrain.
type DrainStats struct {
	Sent        uint64    // messages written to the connection, those sent again included
	Accepted    uint64    // records the hub took; the store forgets them
	Rejected    uint64    // records that became dead letters
	Resent      uint64    // records given back to the store after they were sent: they will be sent again
	InFlight    int       // messages on their way now
	Window      int       // how many may be; less than the option after the hub asked for less
	PausedUntil time.Time // set while nothing is sent because the hub asked for less
	LastOutcome string    // why a record was last rejected or given back; empty when none was since the last recovery
}

// Drain is the Tenant "drain": it leases records, sends them, and settles each
// by what the hub answered.
type Drain struct {
	opts  DrainOptions
	pace  *pace
	tries map[store.ID]int // rejections without a known reason, of records still queued; of the settling side

	mu      sync.Mutex
	stats   DrainStats
	settled chan struct{} // made by Drained, closed when a record is settled for good
}

// NewDrain returns a Drain for NewLink.
func NewDrain(opts DrainOptions) *Drain {
	opts.setDefaults()
	return &Drain{
		opts:  opts,
		pace:  newPace(opts.Window, opts.WindowBytes, backoff{min: opts.BackoffMin, max: opts.BackoffMax}),
		tries: map[store.ID]int{},
	}
}

// Name returns "drain".
func (d *Drain) Name() string { return "drain" }

// Serve drains the store over one link on session until the link breaks or ctx
// ends. Then it takes no new lease, waits up to two seconds for the answers that
// are outstanding, and gives back what is left. It returns nil when ctx ended.
func (d *Drain) Serve(ctx context.Context, session *amqp.Session) error {
	address := eventsAddress(d.opts.DeviceID())
	attach, cancel := context.WithTimeout(ctx, d.opts.SettleWithin)
	sender, err := session.NewSender(attach, address, nil)
	cancel()
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("attach sender %s: %w", address, err)
	}
	err = newFlight(d, sender).run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// eventsAddress is the telemetry endpoint of a device.
func eventsAddress(device string) string {
	return "/devices/" + url.PathEscape(device) + "/messages/events"
}

// Stats returns the counters.
func (d *Drain) Stats() DrainStats {
	limit, inFlight := d.pace.window()
	until := d.pace.pausedUntil()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Window, s.InFlight = limit, inFlight
	if time.Now().Before(until) {
		s.PausedUntil = until
	}
	return s
}

// Drained waits until the store has nothing queued, which is how the last short
// drain before a stop is done: stop what appends, wait here for a while, then
// end the context of the Link. The error is that of ctx.
func (d *Drain) Drained(ctx context.Context) error {
	for {
		d.mu.Lock()
		if d.settled == nil {
			d.settled = make(chan struct{})
		}
		settled := d.settled
		d.mu.Unlock()
		queued := uint64(0)
		for _, c := range d.opts.Store.Stats().PerClass {
			queued += c.Queued
		}
		if queued == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-settled:
		}
	}
}

func (d *Drain) count(f func(*DrainStats)) {
	d.mu.Lock()
	f(&d.stats)
	d.mu.Unlock()
}

func (d *Drain) tell(s Settlement) {
	if d.opts.OnSettle != nil {
		d.opts.OnSettle(s)
	}
}

// done counts a record that is settled for good and wakes Drained.
func (d *Drain) done(f func(*DrainStats)) {
	d.mu.Lock()
	f(&d.stats)
	if d.settled != nil {
		close(d.settled)
		d.settled = nil
	}
	d.mu.Unlock()
}
