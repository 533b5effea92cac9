package main

import (
	"fmt"

	"github.com/tidwall/wal"
)

// telegraf keeps readings as Telegraf's models/buffer_disk.go does: one Write of
// the log, with its fsync, per metric; a batch is read one by one and, once the
// output has taken it, cut off the front. The log must keep one entry, so the last
// one is masked.
type telegraf struct {
	log *wal.Log
}

// telegrafBatch is Telegraf's metric_batch_size by default.
const telegrafBatch = 1000

func openTelegraf(dir string, _ openOptions) (peer, error) { return newTelegraf(dir, false) }

func bulkTelegraf(dir string) (peer, error) { return newTelegraf(dir, true) }

func newTelegraf(dir string, noSync bool) (peer, error) {
	o := *wal.DefaultOptions
	o.NoSync = noSync
	log, err := wal.Open(dir, &o)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &telegraf{log: log}, nil
}

func (t *telegraf) enqueue(group [][]byte) error {
	for _, m := range group {
		last, err := t.log.LastIndex()
		if err != nil {
			return err
		}
		if err := t.log.Write(last+1, m); err != nil {
			return err
		}
	}
	return nil
}

func (t *telegraf) drain(n int) error {
	for n > 0 {
		first, err := t.log.FirstIndex()
		if err != nil {
			return err
		}
		last, err := t.log.LastIndex()
		if err != nil {
			return err
		}
		k := uint64(min(n, telegrafBatch))
		if first+k > last+1 {
			return fmt.Errorf("%d readings are missing in the log", first+k-last-1)
		}
		for i := range k {
			if m, err := t.log.Read(first + i); err != nil || len(m) != payloadBytes {
				return fmt.Errorf("read %d: %d bytes, %w", first+i, len(m), err)
			}
		}
		if err := t.log.TruncateFront(min(first+k, last)); err != nil {
			return err
		}
		n -= int(k)
	}
	return nil
}

func (t *telegraf) close() error {
	if err := t.log.Sync(); err != nil {
		return err
	}
	return t.log.Close()
}
