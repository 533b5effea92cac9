package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"fieldpost/hub"
)

// Device is the one device of a Hub.
const Device = "gateway-1"

// Hub is a local hub that remembers when events came.
type Hub struct {
	*hub.Hub
	Connection string // connection string of Device

	stop  context.CancelFunc
	ended chan error

	mu    sync.Mutex
	count int
	first time.Time // of the events since Mark
	last  time.Time // of all
	woken chan struct{}
}

// StartHub starts a hub that listens and is named as the options say. Its outcome
// for every event is Accept.
func StartHub(opts hub.Options) (*Hub, error) {
	h := &Hub{ended: make(chan error, 1), woken: make(chan struct{})}
	opts.Outcome = func(hub.Event) hub.Settlement {
		h.note()
		return hub.Accept
	}
	var err error
	if h.Hub, err = hub.New(opts); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() { h.ended <- h.Run(ctx) }()
	_, err = h.AddDevice(Device)
	if err == nil {
		h.Connection, err = h.DeviceConnectionString(Device)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *Hub) note() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	h.last = time.Now()
	if h.first.IsZero() {
		h.first = h.last
	}
	close(h.woken)
	h.woken = make(chan struct{})
}

// Mark forgets when events came; Wait counts from here.
func (h *Hub) Mark() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count, h.first = 0, time.Time{}
}

// Last returns when the newest event came.
func (h *Hub) Last() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// Wait returns when the first event after Mark came, once n have come.
func (h *Hub) Wait(ctx context.Context, n int) (time.Time, error) {
	for {
		h.mu.Lock()
		count, first, woken := h.count, h.first, h.woken
		h.mu.Unlock()
		if count >= n {
			return first, nil
		}
		select {
		case <-woken:
		case <-ctx.Done():
			return first, ctx.Err()
		}
	}
}

// Arrived returns the message-id of every event logged, in order.
func (h *Hub) Arrived() []string {
	var ids []string
	for _, e := range h.Events() {
		ids = append(ids, e.MessageID)
	}
	return ids
}

// Close ends the hub.
func (h *Hub) Close() error {
	h.stop()
	return <-h.ended
}
