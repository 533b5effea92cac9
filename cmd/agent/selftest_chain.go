package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/agent"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/internal/keep"
	"fieldpost/internal/service"
)

const (
	chainWithin  = 60 * time.Second
	chainDevice  = "selftest"
	chainCommand = "selftest-1"
)

// chainConfig is what the scratch agent runs with.
const chainConfig = `version = 1

[agent]
state_dir = "state"
socket = "agent.sock"

[hub]
connection_string_file = "connection-string"
ca_file = "hub-ca.pem"
transport = "amqp"

[commands]
allow = ["ping"]

[[sensor]]
name = "room"
source = "simulated"
every = "200ms"
`

const chainHint = "this needs the loopback interface, this processor and the disk only: see the rows above; agent demo --verbose tells more"

// chain runs an agent with a folder of its own against a hub in this process: a
// reading has to be accepted, and a command has to be carried out.
func (s *selftest) chain(ctx context.Context, scratch string) agent.Finding {
	detail, err := s.runChain(ctx, filepath.Join(scratch, "chain"))
	if err != nil {
		return agent.Finding{State: agent.Failed, Detail: err.Error(), Hint: chainHint}
	}
	return agent.Finding{State: agent.Passed, Detail: detail}
}

func (s *selftest) runChain(ctx context.Context, dir string) (detail string, err error) {
	o := s.hub
	o.FeedbackEvery = 200 * time.Millisecond
	h, err := hub.New(o)
	if err != nil {
		return "", fmt.Errorf("start the local hub: %w", err)
	}
	cfg, err := chainFiles(h, dir)
	if err != nil {
		return "", err
	}
	serving, endHub := context.WithCancel(context.WithoutCancel(ctx))
	defer endHub()
	// One that is stopped complains of nothing any more.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	a := agent.New(cfg, agent.Parts{Clock: clock.System(), Version: version, BackoffMax: time.Second})
	var hubs, agents sync.WaitGroup
	var agentErr error
	hubs.Go(func() { _ = h.Run(serving) })
	agents.Go(func() { agentErr = a.Run(running) })
	defer func() {
		stop()
		agents.Wait()
		endHub()
		hubs.Wait()
		err = errors.Join(err, agentErr)
	}()
	began := time.Now()
	if err := await(ctx, func() bool { return fromSensor(h) }); err != nil {
		return "", fmt.Errorf("no reading was accepted by the local hub: %w; %s", err, complaint(a.Status()))
	}
	accepted := time.Since(began)
	began = time.Now()
	if err := commanded(ctx, h); err != nil {
		return "", fmt.Errorf("%w; %s", err, complaint(a.Status()))
	}
	return fmt.Sprintf("a reading was accepted by a hub in this process after %d ms, a command completed after %d ms",
		accepted.Milliseconds(), time.Since(began).Milliseconds()), nil
}

// complaint is what an agent says is broken.
func complaint(s diag.Status) string {
	for _, p := range s.Chain {
		if p.State == diag.Broken {
			return fmt.Sprintf("the agent says of its %s: %s", p.Part, p.Reason)
		}
	}
	if s.Queue.Dead > 0 {
		return fmt.Sprintf("records that it refused: %d", s.Queue.Dead)
	}
	return "the agent complains of nothing"
}

// chainFiles writes what the scratch agent needs, and reads its configuration.
func chainFiles(h *hub.Hub, dir string) (*config.Config, error) {
	if _, err := h.AddDevice(chainDevice); err != nil {
		return nil, err
	}
	secret, err := h.DeviceConnectionString(chainDevice)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	_ = keep.Give(filepath.Dir(dir), dir) // as scratchFolder does
	for name, content := range map[string][]byte{
		"agent.toml": []byte(chainConfig), "connection-string": []byte(secret), "hub-ca.pem": h.CAPEM(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	cfg, problems := config.Load(filepath.Join(dir, "agent.toml"))
	if len(problems) > 0 {
		return nil, problems[0]
	}
	return cfg, nil
}

// await looks until is says so.
func await(ctx context.Context, is func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func fromSensor(h *hub.Hub) bool {
	for _, e := range h.Events() {
		if e.Properties["sensor"] == "room" {
			return true
		}
	}
	return false
}

// commanded sends a command as a service does, and waits for the feedback.
func commanded(ctx context.Context, h *hub.Hub) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.CAPEM())
	client, err := service.Dial(ctx, service.Options{ConnectionString: h.ServiceConnectionString(), RootCAs: roots, Timeout: 10 * time.Second})
	if err != nil {
		return fmt.Errorf("command: %w", err)
	}
	defer client.Close()
	feedback, err := client.Feedback(ctx)
	if err != nil {
		return fmt.Errorf("command: %w", err)
	}
	defer feedback.Close()
	if err := client.Send(ctx, service.C2D{DeviceID: chainDevice, MessageID: chainCommand, Properties: map[string]string{"command": "ping"}, Ack: service.AckFull}); err != nil {
		return fmt.Errorf("command: %w", err)
	}
	for {
		records, err := feedback.Next(ctx)
		if err != nil {
			return fmt.Errorf("command: no feedback: %w", err)
		}
		for _, r := range records {
			switch {
			case r.MessageID == chainCommand && r.Status == service.StatusSuccess:
				return nil
			case r.MessageID == chainCommand:
				return fmt.Errorf("command: the sender was told %s", r.Status)
			}
		}
	}
}
