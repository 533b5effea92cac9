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

	Clock        clock.Clock   // tells the day of the budget; default the wall clock, believed plausible
	Window       int           // transfers on their way at most, where answers come quickly enough; default 64
	WindowBytes  int           // their size at most, but always one transfer; default 1 MiB, bytes
	LiveFirst    bool          // what was just appended goes before the backlog; default false
	SettleWithin time.Duration // how long the hub may take to answer, or to take another message, beside the second for each kB that a line of 9600 bit/s needs; default 30s
	BackoffMin   time.Duration // shortest pause after the hub handed a message back; default 1s
	BackoffMax   time.Duration // longest of these pauses; default 5m

	BatchRecords int           // most records in one transfer, a batch, when that many wait; 1 sends each alone; default 500
	Rate         float64       // most records a second, over any few seconds; default no cap
	DailyBytes   int64         // what may be sent in a day of UTC: beyond it alarms and results go on, the others wait; default no end, bytes
	DailySteps   bool          // DailyBytes counts each message in steps of 4 KiB, as hubs meter; default the bytes on the wire
	BudgetFile   string        // keeps what was sent today over a restart; a kill forgets less than a 64th of DailyBytes; default none
	Pack         bool          // readings that wait share one message, a JSON array; default false
	PackWait     time.Duration // how long a reading waits for others to share its message; default 0: never
	Gzip         bool          // bodies of 1 KiB and up are packed where that saves a tenth, with content-encoding gzip; default false

	OnSettle func(Settlement) // told what became of each record, from two goroutines; must not block; default nobody
	Log      *slog.Logger     // default discards
}

// Outcomes of a record that was sent, as told to DrainOptions.OnSettle.
const (
	OutcomeAccepted  = "accepted"   // the hub has it: the store forgets it
	OutcomeDead      = "dead"       // it can never be taken: a dead letter
	OutcomeGivenBack = "given back" // still queued, to be sent again under the same message-id
)

// Who makes records wait, as DrainStats.HeldBy.
const (
	HeldByHub    = "hub"    // it handed records back: all wait
	HeldByBudget = "budget" // that of the day is used up: telemetry waits
)

// Settlement tells what became of one record.
type Settlement struct {
	ID      store.ID
	Outcome string // one of the Outcome constants
	Cause   error  // of OutcomeDead: in the hub's words
}

func (o *DrainOptions) setDefaults() {
	if o.Clock == nil {
		o.Clock = wallClock{}
	}
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
	if o.BatchRecords <= 0 {
		o.BatchRecords = 500
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// wallClock is believed plausible.
type wallClock struct{}

func (wallClock) Now() clock.Stamp {
	return clock.Stamp{Wall: time.Now().UTC(), Trust: clock.TrustPlausible}
}

// DrainStats counts since NewDrain.
type DrainStats struct {
	Sent        uint64        // records written to the connection, those sent again included
	Accepted    uint64        // records the hub took; the store forgets them
	Rejected    uint64        // records that became dead letters
	Resent      uint64        // records given back to the store after they were sent, or may have been: they will be sent again
	Transfers   uint64        // messages, batches and packs that carried them
	Batches     uint64        // transfers of several messages
	Packs       uint64        // messages that held several records
	Bisected    uint64        // batches and packs that were taken apart, because the hub rejected them
	LastBatch   int           // records in the last batch or pack
	InFlight    int           // transfers on their way now
	Window      int           // how many may be; less than the option while the hub answers late or asked for less
	FlightBytes int           // size of those on their way
	WindowBytes int           // how much may be, as Window
	Latency     time.Duration // shortest time to an answer on this link
	PausedUntil time.Time     // set while nothing is sent because the hub asked for less
	LastOutcome string        // why a record was last rejected or given back; empty when none was since the last recovery

	HeldBy    string    // HeldByHub or HeldByBudget, while records wait though the link is up; else empty
	Held      string    // why they wait
	HeldHint  string    // the next move for a person
	HeldUntil time.Time // when it is tried again

	BudgetUsed   int64     // of DailyBytes, today
	BudgetLimit  int64     // DailyBytes; 0 = no end
	BudgetResets time.Time // when the day is over
}

// Drain is the Tenant "drain": it leases records, sends them, and settles each
// by what the hub answered.
type Drain struct {
	opts   DrainOptions
	pace   *pace
	budget *budget
	tries  map[store.ID]int // rejections without a known reason, of records still queued; of the settling side

	mu      sync.Mutex
	stats   DrainStats
	answers uint64        // of the hub, whatever they said
	settled chan struct{} // made by Drained, closed when a record is settled for good
	hurried int           // calls of Drained that wait
	gate    time.Time     // when readings that wait for others to share a message go
	wake    func()        // ends the wait for records; never nil
}

// NewDrain returns a Drain for NewLink.
func NewDrain(opts DrainOptions) *Drain {
	opts.setDefaults()
	return &Drain{
		opts:   opts,
		pace:   newPace(&opts),
		budget: newBudget(&opts),
		tries:  map[store.ID]int{},
		wake:   func() {},
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
	d.pace.renew()
	err = newFlight(d, sender).run(ctx)
	d.budget.keep()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// eventsAddress is the telemetry endpoint of a device.
func eventsAddress(device string) string {
	return "/devices/" + url.PathEscape(device) + "/messages/events"
}

// Drained waits until the store has nothing queued, which is how the last short
// drain before a stop is done: stop what appends, wait here for a while, then
// end the context of the Link. The error is that of ctx.
//
// While it waits, no record waits for others to share its message.
func (d *Drain) Drained(ctx context.Context) error {
	d.hurry(1)
	defer d.hurry(-1)
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

func (d *Drain) hurry(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hurried += n
	d.wake()
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
