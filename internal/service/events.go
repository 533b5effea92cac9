package service

import (
	"context"
	"fmt"
	"sync"

	"github.com/Azure/go-amqp"
)

// partitionCredit is how many events of a partition the log sends ahead.
const partitionCredit = 100

// defaultGroup is the consumer group every hub has.
const defaultGroup = "$Default"

// EventOptions say what of the event log to read, and as whom.
type EventOptions struct {
	From          From   // where to begin; default the start of what the log still holds
	ConsumerGroup string // whose view of the log; default "$Default"
	Partition     string // the only partition to read; default all
	Epoch         *int64 // 0 or above: drive out readers of the group without a higher one, and be driven out by such; default none, to share
}

// EventReader reads the event log, its partitions merged: in order within a
// partition, in no order between them. It is for one goroutine.
type EventReader struct {
	log   *connection
	links []*partitionLink
	turn  int // where the next look begins, so that no partition starves another
}

type partitionLink struct {
	id       string
	receiver *amqp.Receiver
	waiting  *amqp.Message // taken from the link, not yet handed out
}

// next returns what is there without waiting, or nil.
func (p *partitionLink) next() *amqp.Message {
	if msg := p.waiting; msg != nil {
		p.waiting = nil
		return msg
	}
	return p.receiver.Prefetched()
}

// Events opens the event log. It follows the hub's redirect and takes a
// connection of its own. A reader with an epoch that is driven out by another gets
// a *HubError of condition amqp:link:stolen.
func (c *Client) Events(ctx context.Context, opts EventOptions) (*EventReader, error) {
	if opts.ConsumerGroup == "" {
		opts.ConsumerGroup = defaultGroup
	}
	at, err := c.locate(ctx)
	if err != nil {
		return nil, fmt.Errorf("locate events: %w", err)
	}
	log, err := connect(ctx, c.opts, at.addr, at.host, at.audience(), c.cs.SharedAccessKeyName, textKey(c.opts.ConnectionString))
	if err != nil {
		return nil, fmt.Errorf("open events: %w", err)
	}
	r := &EventReader{log: log}
	if err := r.attach(ctx, at, opts); err != nil {
		log.close()
		return nil, fmt.Errorf("open events: %w", err)
	}
	return r, nil
}

// attach opens one link per partition, on one session.
func (r *EventReader) attach(ctx context.Context, at endpoint, opts EventOptions) error {
	ids := []string{opts.Partition}
	if opts.Partition == "" {
		var err error
		if ids, err = partitions(ctx, r.log, at.entity); err != nil {
			return err
		}
	}
	session, err := r.log.session(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		receiver, err := r.receiver(ctx, session, at.source(opts.ConsumerGroup, id), opts)
		if err != nil {
			return eventError("attach to partition "+id, err)
		}
		r.links = append(r.links, &partitionLink{id: id, receiver: receiver})
	}
	return nil
}

func (r *EventReader) receiver(ctx context.Context, session *amqp.Session, source string, opts EventOptions) (*amqp.Receiver, error) {
	ctx, cancel := context.WithTimeout(ctx, r.log.timeout)
	defer cancel()
	receiver := &amqp.ReceiverOptions{
		Credit:  partitionCredit,
		Filters: []amqp.LinkFilter{amqp.NewSelectorFilter(opts.From.selector())},
	}
	if opts.Epoch != nil {
		receiver.Properties = map[string]any{"com.microsoft:epoch": *opts.Epoch}
	}
	return session.NewReceiver(ctx, source, receiver)
}

// Partitions is the number of partitions read.
func (r *EventReader) Partitions() int { return len(r.links) }

// Next waits for the next event of any partition.
func (r *EventReader) Next(ctx context.Context) (Event, error) {
	var from *partitionLink
	var msg *amqp.Message
	err := r.log.hold(ctx, func(ctx context.Context) (err error) {
		from, msg, err = r.receive(ctx)
		return err
	})
	if err != nil {
		return Event{}, eventError("read events", err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.log.timeout)
	defer cancel()
	if err := from.receiver.AcceptMessage(ctx, msg); err != nil {
		return Event{}, eventError("read events of partition "+from.id, err)
	}
	return eventOf(from.id, msg), nil
}

// receive takes what is there, else waits on all partitions until one has something.
func (r *EventReader) receive(ctx context.Context) (*partitionLink, *amqp.Message, error) {
	for {
		for i := range r.links {
			n := (r.turn + i) % len(r.links)
			if msg := r.links[n].next(); msg != nil {
				r.turn = n + 1
				return r.links[n], msg, nil
			}
		}
		if err := r.wait(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// wait returns nil when a partition has something, and an error when none has
// and ctx or a link has ended.
func (r *EventReader) wait(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(r.links))
	var all sync.WaitGroup
	for i, link := range r.links {
		all.Go(func() {
			link.waiting, errs[i] = link.receiver.Receive(ctx, nil)
			cancel()
		})
	}
	all.Wait()
	var failed error
	for i, link := range r.links {
		if link.waiting != nil {
			return nil
		}
		if failed == nil || linkLost(errs[i]) {
			failed = errs[i]
		}
	}
	return failed
}

// Close ends the reader's connection.
func (r *EventReader) Close() error { return r.log.close() }
