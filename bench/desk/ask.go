package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// Counts is the part of "agent queue --json" that an account needs.
type Counts struct {
	Ready   bool   `json:"ready"`
	Depth   uint64 `json:"depth"`
	Lost    uint64 `json:"lost"`
	Refused uint64 `json:"refused"`
	ByClass map[string]struct {
		Produced uint64 `json:"produced"`
	} `json:"by_class"`
}

// Produced by class.
func (c Counts) Produced() map[string]uint64 {
	n := map[string]uint64{}
	for class, k := range c.ByClass {
		n[class] = k.Produced
	}
	return n
}

// Queue asks the running agent.
func (a *Agent) Queue(ctx context.Context) (c Counts, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, a.Binary, "queue", "--json", "--socket", filepath.Join(a.Dir, "socket")).Output()
	if err != nil {
		return c, fmt.Errorf("agent queue: %w", err)
	}
	return c, json.Unmarshal(out, &c)
}

// Drained waits until at most depth records are queued, and returns the counts.
func (a *Agent) Drained(ctx context.Context, depth uint64) (Counts, error) {
	for {
		c, err := a.Queue(ctx)
		if err == nil && c.Ready && c.Depth <= depth {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return c, fmt.Errorf("%d records are queued still: %w", c.Depth, errors.Join(err, ctx.Err()))
		case err := <-a.ended:
			a.ended <- err
			return c, fmt.Errorf("the agent has ended: %w", errors.Join(err, errors.New(a.Tail())))
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// Kept returns the message-ids in the store of an agent that has stopped: queued
// records and dead letters.
func (a *Agent) Kept(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return Kept(ctx, a.Binary, filepath.Join(a.Dir, "state"))
}

// Kept returns the message-ids in a store, of which this agent is asked that does not
// run there.
func Kept(ctx context.Context, binary, store string) ([]string, error) {
	out, err := exec.CommandContext(ctx, binary, "fsck", "--store", store, "--salvage", "-").Output()
	if err != nil {
		return nil, fmt.Errorf("agent fsck: %w", err)
	}
	return Salvaged(out)
}

// Salvaged returns the message-ids in what agent fsck --salvage - has printed.
func Salvaged(records []byte) (ids []string, err error) {
	for d := json.NewDecoder(bytes.NewReader(records)); d.More(); {
		var r struct {
			MessageID string `json:"message_id"`
		}
		if err := d.Decode(&r); err != nil {
			return nil, fmt.Errorf("agent fsck --salvage: %w", err)
		}
		ids = append(ids, r.MessageID)
	}
	return ids, nil
}
