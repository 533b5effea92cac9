package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// batchFormat is the message-format of a batch: data sections, each of them an
// encoded message.
const batchFormat = 0x80013700

func identity(t task) (uplink.Identity, error) {
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return uplink.Identity{}, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return uplink.Identity{}, errors.New("no certificate in " + t.CA)
	}
	cs, err := auth.ParseConnectionString(t.Connection)
	if err != nil {
		return uplink.Identity{}, err
	}
	id, err := uplink.NewIdentity(cs, roots)
	if t.Address != "" {
		id.Addr = t.Address
	}
	return id, err
}

// sendRaw connects with go-amqp alone, and measures what send does.
func sendRaw(send func(context.Context, *amqp.Sender, int) error) func(context.Context, task, *meter) error {
	return func(ctx context.Context, t task, m *meter) error {
		id, err := identity(t)
		if err != nil {
			return err
		}
		nc, err := tls.Dial("tcp", id.Addr, &tls.Config{RootCAs: id.RootCAs, ServerName: "localhost"})
		if err != nil {
			return err
		}
		conn, err := amqp.NewConn(ctx, nc, &amqp.ConnOptions{HostName: id.Host, SASLType: amqp.SASLTypeAnonymous()})
		if err != nil {
			return err
		}
		defer conn.Close()
		audience := auth.Audience(id.Host, id.DeviceID, "")
		if err := auth.PutToken(ctx, conn, audience, id.Key.Sign(audience, "", time.Now().Add(time.Hour))); err != nil {
			return err
		}
		session, err := conn.NewSession(ctx, nil)
		if err != nil {
			return err
		}
		sender, err := session.NewSender(ctx, "/devices/"+id.DeviceID+"/messages/events", nil)
		if err != nil {
			return err
		}
		m.begin()
		defer m.end()
		return send(ctx, sender, t.Count)
	}
}

func body() []byte { return []byte(`{"x":"` + strings.Repeat("x", 192) + `"}`) }

// message is one as the drain makes it: 200 bytes, three properties.
func message(n int) *amqp.Message {
	contentType, encoding, seq := "application/json", "utf-8", strconv.Itoa(n+1)
	return &amqp.Message{
		Properties:            &amqp.MessageProperties{MessageID: "a102030405060708-7-2-" + seq, ContentType: &contentType, ContentEncoding: &encoding},
		ApplicationProperties: map[string]any{"sensor": "boiler", "seq": seq, "iothub-creation-time-utc": time.Now().UTC().Format("2006-01-02T15:04:05.000Z")},
		Annotations:           amqp.Annotations{"dt-subject": "boiler"},
		Data:                  [][]byte{body()},
	}
}

func sendSequentially(ctx context.Context, s *amqp.Sender, count int) error {
	for n := range count {
		if err := s.Send(ctx, message(n), nil); err != nil {
			return err
		}
	}
	return nil
}

// inFlight sends transfers, the next one as soon as one of flight before it is answered.
func inFlight(ctx context.Context, s *amqp.Sender, flight, transfers int, make func(int) (*amqp.Message, error)) error {
	receipts := newReceipts(ctx, flight)
	for n := range transfers {
		m, err := make(n)
		if err != nil {
			return err
		}
		r, err := s.SendWithReceipt(ctx, m, nil)
		if err != nil {
			return err
		}
		select {
		case receipts.sent <- r:
		case err := <-receipts.done:
			return err
		}
	}
	close(receipts.sent)
	return <-receipts.done
}

type receipts struct {
	sent chan amqp.SendReceipt
	done chan error
}

func newReceipts(ctx context.Context, flight int) receipts {
	r := receipts{make(chan amqp.SendReceipt, flight-1), make(chan error, 1)}
	go func() {
		for receipt := range r.sent {
			state, err := receipt.Wait(ctx)
			if _, ok := state.(*amqp.StateAccepted); err == nil && !ok {
				err = fmt.Errorf("outcome %v", state)
			}
			if err != nil {
				r.done <- err
				return
			}
		}
		r.done <- nil
	}()
	return r
}

func sendWindow(ctx context.Context, s *amqp.Sender, count int) error {
	return inFlight(ctx, s, window, count, func(n int) (*amqp.Message, error) { return message(n), nil })
}

func sendBatches(ctx context.Context, s *amqp.Sender, count int) error {
	return inFlight(ctx, s, batches, (count+batchSize-1)/batchSize, func(n int) (*amqp.Message, error) {
		b := &amqp.Message{Format: batchFormat}
		for i := n * batchSize; i < min(count, (n+1)*batchSize); i++ {
			inner, err := message(i).MarshalBinary()
			if err != nil {
				return nil, err
			}
			b.Data = append(b.Data, inner)
		}
		return b, nil
	})
}
