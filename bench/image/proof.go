package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"fieldpost/bench/desk"
)

// wifiPassword is that of a network nobody has.
const wifiPassword = "correct horse battery"

// proof is one run.
type proof struct {
	options
	random  *rand.Rand
	hub     *desk.Hub
	card    *card
	durable map[string]bool // message-ids that were on the card when the power went
	rows    [][]string
	failed  bool
	looked  bool // for a radio
}

// check adds a row to the table: what is looked at, what it must be, and what it was.
func (p *proof) check(what, expected, seen string, good bool) {
	verdict := "PROVEN"
	if !good {
		verdict, p.failed = "FAILED", true
	}
	row := []string{what, expected, seen, verdict}
	p.rows = append(p.rows, row)
	fmt.Println(strings.Join(row, "  "))
}

// write appends the table to a file.
func (p *proof) write(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(f, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{{"what", "expected", "seen", "verdict"}}, p.rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	fmt.Fprintf(w, "seed %d\n", p.seed)
	return errors.Join(w.Flush(), f.Close())
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
	return map[string]string{"device's key": strings.TrimSpace(key), "web page's password": webPassword, "Wi-Fi's password": wifiPassword}
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
