package amqpserver_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// feed sends messages on a link as its credit allows and keeps the outcomes.
type feed struct {
	mu       sync.Mutex
	messages [][]byte
	options  amqpserver.SendOptions
	outcomes []wire.Outcome
	answer   wire.Outcome
	detached chan struct{}
	seen     chan wire.Outcome // when not nil, gets every outcome
}

func (f *feed) attach(l *amqpserver.Link) error {
	f.detached = make(chan struct{})
	l.OnCredit = func() { f.send(l) }
	l.OnDetach = func() { close(f.detached) }
	return nil
}

func (f *feed) send(l *amqpserver.Link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.messages) > 0 {
		o := f.options
		o.OnOutcome = f.outcome
		if err := l.Send(f.messages[0], o); err != nil {
			return
		}
		f.messages = f.messages[1:]
	}
}

func (f *feed) outcome(o wire.Outcome) wire.Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outcomes = append(f.outcomes, o)
	if f.seen != nil {
		f.seen <- o
	}
	return f.answer
}

func marshal(t *testing.T, m *wire.Message) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReceiveFromServer(t *testing.T) {
	for _, size := range []int{0, 1, 400, 200_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			body := bytes.Repeat([]byte{7}, size)
			message := &wire.Message{
				Header:                &wire.Header{Priority: 4, DeliveryCount: 3},
				Annotations:           wire.Map{wire.Symbol("x-opt-sequence-number"): int64(12)},
				Properties:            &wire.Properties{MessageID: "m", CorrelationID: wire.UUID{1}, ContentType: "text/plain"},
				ApplicationProperties: wire.Map{"k": "v", "n": int32(200)},
				Data:                  [][]byte{body},
			}
			f := &feed{messages: [][]byte{marshal(t, message)}, seen: make(chan wire.Outcome, 1)}
			conn := dial(t, &node{attach: f.attach}, amqpserver.Options{}, &amqp.ConnOptions{MaxFrameSize: 512})
			ctx, s := session(t, conn)
			receiver, err := s.NewReceiver(ctx, "out", nil)
			if err != nil {
				t.Fatal(err)
			}
			m, err := receiver.Receive(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.GetData(), body) || m.Properties.MessageID != "m" || *m.Properties.ContentType != "text/plain" ||
				m.Header.DeliveryCount != 3 || m.ApplicationProperties["n"] != int32(200) ||
				m.Annotations["x-opt-sequence-number"] != int64(12) || m.Properties.CorrelationID != (amqp.UUID{1}) {
				t.Fatalf("message came as %+v", m)
			}
			if err := receiver.AcceptMessage(ctx, m); err != nil {
				t.Fatal(err)
			}
			if o := <-f.seen; o != (wire.Accepted{}) {
				t.Fatalf("outcome %v", o)
			}
		})
	}
}

func TestOutcomesFromReceiver(t *testing.T) {
	for _, mode := range []amqp.ReceiverSettleMode{amqp.ReceiverSettleModeFirst, amqp.ReceiverSettleModeSecond} {
		t.Run(mode.String(), func(t *testing.T) {
			f := &feed{seen: make(chan wire.Outcome, 9)}
			for range 4 {
				f.messages = append(f.messages, marshal(t, &wire.Message{Data: [][]byte{{1}}}))
			}
			conn := dial(t, &node{attach: f.attach}, amqpserver.Options{}, nil)
			ctx, s := session(t, conn)
			receiver, err := s.NewReceiver(ctx, "out", &amqp.ReceiverOptions{Credit: 4, SettlementMode: mode.Ptr()})
			if err != nil {
				t.Fatal(err)
			}
			settle := []func(*amqp.Message) error{
				func(m *amqp.Message) error { return receiver.AcceptMessage(ctx, m) },
				func(m *amqp.Message) error { return receiver.ReleaseMessage(ctx, m) },
				func(m *amqp.Message) error {
					return receiver.RejectMessage(ctx, m, &amqp.Error{Condition: "test:no", Description: "why"})
				},
				func(m *amqp.Message) error {
					return receiver.ModifyMessage(ctx, m, &amqp.ModifyMessageOptions{DeliveryFailed: true})
				},
			}
			want := []wire.Outcome{
				wire.Accepted{}, wire.Released{},
				wire.Rejected{Error: &wire.Error{Condition: "test:no", Description: "why"}},
				wire.Modified{DeliveryFailed: true},
			}
			for i, do := range settle {
				m, err := receiver.Receive(ctx, nil)
				if err != nil {
					t.Fatal(err)
				}
				var echoed *amqp.Error // go-amqp returns the answer of mode second
				if err := do(m); err != nil && !(errors.As(err, &echoed) && echoed.Condition == "test:no") {
					t.Fatalf("settling %d: %v", i, err)
				}
				if got := <-f.seen; !reflect.DeepEqual(got, want[i]) {
					t.Fatalf("outcome %d: %+v", i, got)
				}
			}
		})
	}
}

// A receiver in mode second learns from the answer that its outcome came too late.
func TestSecondModeAnswer(t *testing.T) {
	f := &feed{
		messages: [][]byte{marshal(t, &wire.Message{Data: [][]byte{{1}}})},
		answer:   wire.Rejected{Error: &wire.Error{Condition: wire.CondNotFound, Description: "lock lost"}},
	}
	conn := dial(t, &node{attach: f.attach}, amqpserver.Options{}, nil)
	ctx, s := session(t, conn)
	receiver, err := s.NewReceiver(ctx, "out", &amqp.ReceiverOptions{SettlementMode: amqp.ReceiverSettleModeSecond.Ptr()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := receiver.Receive(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var late *amqp.Error
	if err := receiver.AcceptMessage(ctx, m); !errors.As(err, &late) || late.Description != "lock lost" {
		t.Fatalf("accept: %v", err)
	}
}

// Many messages through a window of one credit at a time, in order.
func TestReceiveInOrder(t *testing.T) {
	for _, credit := range []int32{1, 3, 1000} {
		t.Run(fmt.Sprint(credit), func(t *testing.T) {
			const count = 300
			f := &feed{}
			for i := range count {
				f.messages = append(f.messages, marshal(t, &wire.Message{Data: [][]byte{fmt.Appendf(nil, "%d", i)}}))
			}
			conn := dial(t, &node{attach: f.attach}, amqpserver.Options{MaxUnsettled: 2}, nil)
			ctx, s := session(t, conn)
			receiver, err := s.NewReceiver(ctx, "out", &amqp.ReceiverOptions{Credit: credit})
			if err != nil {
				t.Fatal(err)
			}
			for i := range count {
				m, err := receiver.Receive(ctx, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := string(m.GetData()); got != fmt.Sprint(i) {
					t.Fatalf("message %d is %q", i, got)
				}
				if err := receiver.AcceptMessage(ctx, m); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// More than the queue and the limit of unsettled deliveries hold, settled, on
// one large credit: nothing but the writer can call for more.
func TestReceiveSettledBulk(t *testing.T) {
	const count = 200
	f := &feed{options: amqpserver.SendOptions{Settled: true}}
	for range count {
		f.messages = append(f.messages, marshal(t, &wire.Message{Data: [][]byte{make([]byte, 10_000)}}))
	}
	conn := dial(t, &node{attach: f.attach}, amqpserver.Options{MaxUnsettled: 3}, nil)
	ctx, s := session(t, conn)
	receiver, err := s.NewReceiver(ctx, "out", &amqp.ReceiverOptions{Credit: count})
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		if _, err := receiver.Receive(ctx, nil); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

func TestDrain(t *testing.T) {
	for _, waiting := range []int{0, 2} {
		t.Run(fmt.Sprint(waiting), func(t *testing.T) {
			f := &feed{}
			for range waiting {
				f.messages = append(f.messages, marshal(t, &wire.Message{Data: [][]byte{{1}}}))
			}
			var link *amqpserver.Link
			n := &node{attach: func(l *amqpserver.Link) error { link = l; return f.attach(l) }}
			conn := dial(t, n, amqpserver.Options{}, nil)
			ctx, s := session(t, conn)
			receiver, err := s.NewReceiver(ctx, "out", &amqp.ReceiverOptions{Credit: -1})
			if err != nil {
				t.Fatal(err)
			}
			if err := receiver.IssueCredit(5); err != nil {
				t.Fatal(err)
			}
			for range waiting {
				if _, err := receiver.Receive(ctx, nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := receiver.DrainCredit(ctx, nil); err != nil {
				t.Fatal(err)
			}
			if got := link.Available(); got != 0 {
				t.Errorf("credit %d is left", got)
			}
			if err := receiver.IssueCredit(1); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Without an outcome OnOutcome gets nil, in the order of Send, then comes OnDetach.
func TestOutcomeOfDetachedLink(t *testing.T) {
	for _, how := range []string{"detach", "end", "close", "drop"} {
		t.Run(how, func(t *testing.T) {
			var order []string
			detached := make(chan struct{})
			n := &node{attach: func(l *amqpserver.Link) error {
				l.OnCredit = func() {
					for i := 0; ; i++ {
						err := l.Send(marshal(t, &wire.Message{Data: [][]byte{{1}}}), amqpserver.SendOptions{
							OnOutcome: func(o wire.Outcome) wire.Outcome {
								order = append(order, fmt.Sprint(i, o))
								return o
							},
						})
						if err != nil {
							return
						}
					}
				}
				l.OnDetach = func() { order = append(order, "detach"); close(detached) }
				return nil
			}}
			conn := dial(t, n, amqpserver.Options{}, nil)
			ctx, s := session(t, conn)
			receiver, err := s.NewReceiver(ctx, "out", &amqp.ReceiverOptions{Credit: 3})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := receiver.Receive(ctx, nil); err != nil {
				t.Fatal(err)
			}
			switch how {
			case "detach":
				err = receiver.Close(ctx)
			case "end":
				err = s.Close(ctx)
			case "close", "drop":
				err = conn.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			<-detached
			if want := []string{"0 <nil>", "1 <nil>", "2 <nil>", "detach"}; !slices.Equal(order, want) {
				t.Fatalf("%v", order)
			}
		})
	}
}

func TestDetachByServer(t *testing.T) {
	links := make(chan *amqpserver.Link, 1)
	detached := make(chan struct{})
	n := &node{attach: func(l *amqpserver.Link) error {
		l.OnDetach = func() { close(detached) }
		links <- l
		return nil
	}}
	conn := dial(t, n, amqpserver.Options{}, nil)
	ctx, s := session(t, conn)
	receiver, err := s.NewReceiver(ctx, "out", nil)
	if err != nil {
		t.Fatal(err)
	}
	l := <-links
	l.Detach(&wire.Error{Condition: wire.CondDetachForced, Description: "idle"})
	l.Detach(nil)
	var gone *amqp.LinkError
	if _, err := receiver.Receive(ctx, nil); !errors.As(err, &gone) || gone.RemoteErr == nil || gone.RemoteErr.Description != "idle" {
		t.Fatalf("receive: %v", err)
	}
	<-detached
	if err := l.Send(nil, amqpserver.SendOptions{}); !errors.Is(err, amqpserver.ErrDetached) {
		t.Fatalf("send: %v", err)
	}
}
