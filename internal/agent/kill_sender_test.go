//go:build linux

package agent

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/hub"
	"fieldpost/internal/service"
)

// sender sends commands to one gateway and keeps everything it is told.
type sender struct {
	t       *testing.T
	ctx     context.Context
	door    string
	hub     *hub.Hub
	service *service.Client
	calls   sync.WaitGroup

	mu       sync.Mutex
	sent     []string               // what each command counts, "ACTION-NUMBER"
	results  map[string][]hub.Event // by correlation-id, without those whose message-id was there
	had      map[string]bool        // message-ids of results
	again    int                    // results dropped because their message-id was there
	handed   int                    // results given back to the gateway
	feedback map[string][]string    // by message-id
	answers  []c2d.Answer           // of methods
	unheard  map[string]bool        // methods that were not answered
}

// newSender starts a hub whose locks last a moment, so that it soon delivers again
// what a gateway left, and which gives every third result back at first.
func newSender(t *testing.T, door string) *sender {
	t.Helper()
	s := &sender{t: t, ctx: t.Context(), door: door, results: map[string][]hub.Event{}, had: map[string]bool{}, feedback: map[string][]string{}, unheard: map[string]bool{}}
	h, err := hub.New(hub.Options{
		LockFor: 300 * time.Millisecond, RedeliverAfter: 10 * time.Millisecond, FeedbackEvery: 10 * time.Millisecond, Outcome: s.take,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.hub = h
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.CAPEM())
	if s.service, err = service.Dial(s.ctx, service.Options{ConnectionString: h.ServiceConnectionString(), RootCAs: roots}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.service.Close() })
	receiver, err := s.service.Feedback(s.ctx)
	if err != nil {
		t.Fatal(err)
	}
	go s.listen(receiver)
	return s
}

// take gets what the gateway sends upstream.
func (s *sender) take(e hub.Event) hub.Settlement {
	if e.CorrelationID == "" {
		return hub.Accept
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.had[e.MessageID] {
		s.again++
		return hub.Accept
	}
	s.had[e.MessageID] = true
	s.results[e.CorrelationID] = append(s.results[e.CorrelationID], e)
	if len(s.had)%3 == 0 {
		s.handed++
		return hub.Release
	}
	return hub.Accept
}

func (s *sender) listen(receiver *service.FeedbackReceiver) {
	for {
		records, err := receiver.Next(s.ctx)
		if err != nil {
			if s.ctx.Err() == nil {
				s.t.Errorf("feedback: %v", err)
			}
			return
		}
		s.mu.Lock()
		for _, r := range records {
			s.feedback[r.MessageID] = append(s.feedback[r.MessageID], r.Status)
		}
		s.mu.Unlock()
	}
}

// send sends a command and returns what it counts, which is its message-id too.
func (s *sender) send(action string) (n string) {
	s.t.Helper()
	s.mu.Lock()
	n = fmt.Sprintf("%s-%d", action, len(s.sent))
	s.sent = append(s.sent, n)
	s.mu.Unlock()
	args := fmt.Sprintf(`{"n":%q}`, n)
	if s.door == c2d.DoorMethods {
		s.calls.Go(func() { s.call(n, action, args) })
		return n
	}
	err := s.service.Send(s.ctx, service.C2D{
		DeviceID: killedID, MessageID: n, Body: []byte(args), Ack: service.AckFull, Properties: map[string]string{"command": action},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *sender) call(n, action, args string) {
	r, err := s.hub.InvokeMethod(s.ctx, killedID, hub.Method{
		Name: action, Payload: json.RawMessage(args), ConnectTimeout: killHang, ResponseTimeout: killHang,
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.unheard[n] = true
		return
	}
	var a c2d.Answer
	if err := json.Unmarshal(r.Payload, &a); err != nil {
		s.t.Errorf("answer %d %s: %v", r.Status, r.Payload, err)
	}
	s.answers = append(s.answers, a)
}

// lost tells whether nobody answers a method any more.
func (s *sender) lost(n string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unheard[n]
}

// heard tells whether everything has ended for its sender.
func (s *sender) heard() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.door == c2d.DoorMethods {
		return len(s.answers)+len(s.unheard) == len(s.sent)
	}
	for _, n := range s.sent {
		if len(s.feedback[n]) == 0 {
			return false
		}
	}
	return true
}

// last makes sure that no feedback is on its way any more: records come in the
// order in which they were made.
func (s *sender) last(g *gateway) {
	s.t.Helper()
	if n, err := s.hub.PurgeQueue(killedID); n != 0 || err != nil {
		s.t.Errorf("%d messages were left at the hub, %v", n, err)
	}
	const id = "last"
	if err := s.service.Send(s.ctx, service.C2D{DeviceID: killedID, MessageID: id, Ack: service.AckFull}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.hub.PurgeQueue(killedID); err != nil {
		s.t.Fatal(err)
	}
	g.until("the last feedback", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.feedback[id]) > 0
	})
}
