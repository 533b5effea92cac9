package main

import (
	"fmt"
	"os"

	"fieldpost/bench/report"
)

// slowDrain compares the rates of draining on a device that takes no more requests
// than a card does. A virtual machine's fdatasync is a hundred times cheaper than a
// card's, and hides what a queue that syncs for each batch would wait for.
func (b *bench) slowDrain() error {
	name := fmt.Sprintf("drain rate at %d IOPS, times OpenTelemetry's", cardIOPS)
	numbers, err := b.dev.numbers()
	if err != nil {
		return err
	}
	limit, err := newThrottle(b.cgroup, numbers)
	if err != nil {
		b.progress("no throttle: %v", err)
		b.figures.Open(name, ">= 5", "this machine cannot throttle a device")
		return nil
	}
	defer limit.remove()
	rates := map[string]float64{}
	for _, layout := range []string{nameStore, nameOTel} {
		b.progress("draining, throttled, %s", layout)
		if rates[layout], err = b.slowRate(layout, limit); err != nil {
			return fmt.Errorf("%s: %w", layout, err)
		}
	}
	b.figures.AtLeast(name, 5, rates[nameStore]/rates[nameOTel], fmt.Sprintf("%s/s against %s/s, flushes as cheap as before", report.Rate(rates[nameStore]), report.Rate(rates[nameOTel])))
	return nil
}

func (b *bench) slowRate(name string, limit *throttle) (float64, error) {
	l, err := layoutNamed(name)
	if err != nil {
		return 0, err
	}
	dir, err := b.workDir("slow")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	q, err := l.open(dir, openOptions{})
	if err != nil {
		return 0, err
	}
	if err := fill(q, newSampler(19), b.messages, b.group); err != nil {
		return 0, err
	}
	if err := q.close(); err != nil {
		return 0, err
	}
	a, err := b.run(task{Name: "rate", Layout: name, Dir: dir, Count: b.messages}, limit, "")
	return a.Rate, err
}
