package uplink_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// rawWay sends what a benchTask asks for with go-amqp and nothing else.
func rawWay(task benchTask) func(*amqp.Session) error {
	bodies := benchBodies()
	return func(session *amqp.Session) error {
		ctx := context.Background()
		sender, err := session.NewSender(ctx, "events", nil)
		if err != nil {
			return err
		}
		switch task.Way {
		case "raw-sequential":
			for i := range task.Messages {
				if err := sender.Send(ctx, benchMessage(i, bodies), nil); err != nil {
					return err
				}
			}
			return nil
		case "raw-window512":
			return pipelined(ctx, sender, 512, task.Messages, func(i int) (*amqp.Message, error) { return benchMessage(i, bodies), nil })
		default:
			return pipelined(ctx, sender, 8, task.Messages/100, func(i int) (*amqp.Message, error) {
				m := &amqp.Message{Format: 0x80013700}
				for j := range 100 {
					inner, err := benchMessage(100*i+j, bodies).MarshalBinary()
					if err != nil {
						return nil, err
					}
					m.Data = append(m.Data, inner)
				}
				return m, nil
			})
		}
	}
}

// pipelined sends n messages with at most window of them on their way.
func pipelined(ctx context.Context, sender *amqp.Sender, window, n int, message func(int) (*amqp.Message, error)) error {
	slots, receipts, done := make(chan struct{}, window), make(chan amqp.SendReceipt, window), make(chan error, 1)
	go func() {
		for r := range receipts {
			if _, err := r.Wait(ctx); err != nil {
				done <- err
				return
			}
			<-slots
		}
		done <- nil
	}()
	for i := range n {
		slots <- struct{}{}
		m, err := message(i)
		if err != nil {
			return err
		}
		r, err := sender.SendWithReceipt(ctx, m, nil)
		if err != nil {
			return err
		}
		receipts <- r
	}
	close(receipts)
	return <-done
}

func benchMessage(i int, bodies [][]byte) *amqp.Message {
	contentType, encoding := "application/json", "utf-8"
	seq := fmt.Sprint(i)
	return &amqp.Message{
		Properties:            &amqp.MessageProperties{MessageID: "a102030405060708-7-2-" + seq, ContentType: &contentType, ContentEncoding: &encoding},
		ApplicationProperties: map[string]any{"sensor": "boiler", "seq": seq, "iothub-creation-time-utc": time.Now().UTC().Format("2006-01-02T15:04:05.000Z")},
		Annotations:           amqp.Annotations{"dt-subject": "boiler"},
		Data:                  [][]byte{bodies[i%len(bodies)]},
	}
}

// benchBodies are 200 bytes of JSON each, with six values that walk.
func benchBodies() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	v := [6]float64{21.5, 1013.2, 44.1, 0.31, 230.4, 49.98}
	out := make([][]byte, 1000)
	for i := range out {
		for j := range v {
			v[j] *= 1 + (r.Float64()-0.5)/100
		}
		text := fmt.Sprintf(`{"temperature":%.3f,"pressure":%.3f,"humidity":%.3f,"flow":%.4f,"voltage":%.3f,"frequency":%.4f,"note":"`, v[0], v[1], v[2], v[3], v[4], v[5])
		out[i] = []byte(text + strings.Repeat("n", 198-len(text)) + `"}`)
	}
	return out
}
