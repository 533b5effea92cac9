package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"fieldpost/bench/desk"
)

// proof is one run.
type proof struct {
	options
	random  *rand.Rand
	hub     *desk.Hub
	card    *card
	durable map[string]bool // message-ids that were on the card when the power went
	table   strings.Builder
	failed  bool
}

// check adds a row to the table.
func (p *proof) check(what, wanted, found string, ok bool) {
	mark := "ok"
	if !ok {
		mark, p.failed = "**refuted**", true
	}
	row := fmt.Sprintf("| %s | %s | %s | %s |\n", what, wanted, found, mark)
	p.table.WriteString(row)
	fmt.Print(row)
}

// upTo is a random time.
func (p *proof) upTo(most time.Duration) time.Duration {
	return time.Duration(p.random.Int64N(int64(most)))
}

// absent are those of the message-ids that are not at the hub.
func (p *proof) absent(ids []string) (absent []string) {
	arrived := map[string]bool{}
	for _, id := range p.hub.Arrived() {
		arrived[id] = true
	}
	for _, id := range ids {
		if !arrived[id] {
			absent = append(absent, id)
		}
	}
	return absent
}

// secrets are texts that must not be on the boot partition, by name.
func (p *proof) secrets() map[string]string {
	_, key, _ := strings.Cut(p.hub.Connection, "SharedAccessKey=")
	return map[string]string{"device's key": strings.TrimSpace(key)}
}

// until waits for a condition.
func (p *proof) until(ctx context.Context, what string, met func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
	return nil
}
