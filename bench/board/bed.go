package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"fieldpost/bench/board/errand"
	"fieldpost/bench/desk"
	"fieldpost/hub"
	"fieldpost/internal/diag"
)

// bed is where an agent is proven: a machine, and a hub where the machine has a network.
type bed struct {
	*guest
	*report
	hub     *desk.Hub
	running bool
}

const (
	agentDir    = "/tmp/agent"
	agentFile   = "/agent"
	agentConfig = agentDir + "/agent.toml"
	agentSocket = agentDir + "/socket"
)

func (b *bed) close() {
	if b.hub != nil {
		_ = b.hub.Close()
	}
}

// network gives the guest's interface an address, and starts the hub beyond it.
func (b *bed) network(ctx context.Context, name string) (err error) {
	if err := b.until(ctx, "the interface "+name+" is there", func() (bool, error) {
		_, err := b.do(ctx, errand.Errand{Do: errand.Net, Interface: name, Address: guestAddress})
		return err == nil, err
	}); err != nil {
		return err
	}
	b.hub, err = desk.StartHub(hub.Options{HostName: hostAddress})
	return err
}

// start writes the configuration, with more at its end, and starts the agent.
func (b *bed) start(ctx context.Context, more string) error {
	files := map[string]string{agentConfig: "version = 1\n[agent]\nstate_dir = \"state\"\nsocket = \"socket\"\nlog_level = \"debug\"\n" +
		"[hub]\nconnection_string_file = \"connection-string\"\nca_file = \"ca.pem\"\nclock_wait = \"1s\"\n" +
		// The estimate of wear would stretch the time between two commits.
		"[store]\ncommit_every = \"1s\"\ndaily_writes = \"100GiB\"\n" + more}
	if b.hub != nil {
		files[agentDir+"/connection-string"] = b.hub.Connection
		files[agentDir+"/ca.pem"] = string(b.hub.CAPEM())
	}
	for path, text := range files {
		if _, err := b.do(ctx, errand.Errand{Do: errand.Write, Path: path, Text: text}); err != nil {
			return err
		}
	}
	_, err := b.do(ctx, errand.Errand{Do: errand.Start, Args: []string{agentFile, "run", "--config", agentConfig}})
	b.running = err == nil
	return err
}

// stop ends the agent and returns its exit code.
func (b *bed) stop(ctx context.Context) (int, error) {
	a, err := b.do(ctx, errand.Errand{Do: errand.Stop})
	b.running = b.running && err != nil
	return a.Code, err
}

// ask runs a command of the agent and reads the JSON that it prints.
func (b *bed) ask(ctx context.Context, into any, args ...string) error {
	args = append(append([]string{agentFile}, args...), "--json", "--socket", agentSocket)
	a, err := b.do(ctx, errand.Errand{Do: errand.Run, Args: args})
	// status says by 1 that something is broken, and tells.
	if err == nil && a.Code > 1 {
		err = fmt.Errorf("%s: exit code %d: %s", strings.Join(args, " "), a.Code, a.Errors)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(a.Out), into)
}

// status is what the agent says of itself.
func (b *bed) status(ctx context.Context) (s diag.Status, err error) {
	err = b.ask(ctx, &s, "status")
	return s, err
}

// part is what status says of one part of the chain.
func (b *bed) part(ctx context.Context, name string) (diag.Part, error) {
	s, err := b.status(ctx)
	for _, p := range s.Chain {
		if p.Part == name {
			return p, err
		}
	}
	return diag.Part{}, err
}

// sensors is what the agent says of each, by name.
func (b *bed) sensors(ctx context.Context) (map[string]diag.Sensor, error) {
	var list diag.Sensors
	if err := b.ask(ctx, &list, "sensors"); err != nil {
		return nil, err
	}
	byName := map[string]diag.Sensor{}
	for _, s := range list.Sensors {
		byName[s.Name] = s
	}
	return byName, nil
}

// sensor waits until what the agent says of a sensor is what is wanted.
func (b *bed) sensor(ctx context.Context, name, what string, want func(diag.Sensor) bool) (s diag.Sensor, err error) {
	err = b.until(ctx, name+": "+what, func() (bool, error) {
		all, err := b.sensors(ctx)
		if err != nil {
			return false, err
		}
		s = all[name]
		return want(s), fmt.Errorf("it says %s", said(s))
	})
	return s, err
}

// until asks again and again, for half of the time at most, because asking takes the
// processor from the agent. The error says what was the matter at last.
func (b *bed) until(ctx context.Context, what string, ask func() (bool, error)) error {
	for began := time.Now(); ; {
		asked := time.Now()
		ok, err := ask()
		if ok {
			return nil
		}
		if time.Since(began) > hang {
			return fmt.Errorf("%s: not in %s: %w", what, hang, err)
		}
		select {
		case <-time.After(max(time.Since(asked), 100*time.Millisecond)):
		case err := <-b.ended:
			b.ended <- err
			return fmt.Errorf("%s: %w", what, errors.Join(errors.New("the machine has ended"), err))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// said is a sensor in one line.
func said(s diag.Sensor) string {
	text := s.Condition
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if s.Last != nil && s.Condition == "ok" {
		for _, v := range s.Last.Values {
			text += fmt.Sprintf(" %s %.2f", v.Name, float64(v.Value))
		}
	}
	return text
}

// circumstances is what helps to understand a failure.
func (b *bed) circumstances() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := b.do(ctx, errand.Errand{Do: errand.Read, Path: "/tmp/log"})
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(a.Out), "\n")
	return "the agent's log ends with\n" + strings.Join(lines[max(len(lines)-30, 0):], "\n")
}
