package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"sync"
	"time"

	"fieldpost/internal/service"
)

// serviceSide is what stands at the far end: a client of the hub on connections
// of its own, which knows of the agent only what the hub tells it. The outage
// cuts it off as well; it comes back by itself and reads the log from the start.
type serviceSide struct {
	secret string
	roots  *x509.CertPool
	facts  *demoFacts
	show   *demoPrinter
}

const (
	serviceRetry   = 200 * time.Millisecond
	serviceTimeout = 10 * time.Second
)

func newServiceSide(secret string, caPEM []byte, facts *demoFacts, show *demoPrinter) *serviceSide {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(caPEM)
	return &serviceSide{secret: secret, roots: roots, facts: facts, show: show}
}

func (s *serviceSide) dial(ctx context.Context) (*service.Client, error) {
	return service.Dial(ctx, service.Options{ConnectionString: s.secret, RootCAs: s.roots, Timeout: serviceTimeout})
}

// run reads events and feedback until ctx ends.
func (s *serviceSide) run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { s.again(ctx, s.readEvents) })
	loops.Go(func() { s.again(ctx, s.readFeedback) })
	loops.Wait()
}

// again calls read with a new client each time it fails.
func (s *serviceSide) again(ctx context.Context, read func(context.Context, *service.Client) error) {
	for ctx.Err() == nil {
		client, err := s.dial(ctx)
		if err == nil {
			_ = read(ctx, client)
			_ = client.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(serviceRetry):
		}
	}
}

func (s *serviceSide) readEvents(ctx context.Context, client *service.Client) error {
	events, err := client.Events(ctx, service.EventOptions{})
	if err != nil {
		return err
	}
	defer events.Close()
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return err
		}
		if s.facts.event(e) {
			s.show.event(e)
		}
	}
}

func (s *serviceSide) readFeedback(ctx context.Context, client *service.Client) error {
	feedback, err := client.Feedback(ctx)
	if err != nil {
		return err
	}
	defer feedback.Close()
	for {
		records, err := feedback.Next(ctx)
		if err != nil {
			return err
		}
		for _, r := range records {
			if s.facts.record(r) {
				s.show.feedback(r)
			}
		}
	}
}

// command sends one command and asks for feedback whatever its outcome.
func (s *serviceSide) command(ctx context.Context, id, name string, args map[string]any) error {
	client, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	body, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return client.Send(ctx, service.C2D{
		DeviceID:   demoDevice,
		MessageID:  id,
		Body:       body,
		Properties: map[string]string{"command": name},
		Ack:        "full",
	})
}
