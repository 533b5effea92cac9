package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"fieldpost/internal/diag"
	"fieldpost/store"
)

// Store are the checks of the file system that holds the queue: by a store of
// their own beside it.
func (t *Trial) Store() []Check {
	return []Check{
		{"store", 40 * time.Second, t.store},
		{"space", 5 * time.Second, t.space},
	}
}

const diskHint = "free or repair the disk that holds agent.state_dir, or replace the card"

// store writes records, syncs them, opens the file again and compares.
func (t *Trial) store(ctx context.Context) Finding {
	const records = 200
	dir := filepath.Join(t.scratch, "store")
	o := store.Options{Dir: dir, Preset: t.agent.cfg.Store.Preset, Headroom: 1, Clock: t.agent.parts.Clock}
	began := time.Now()
	if err := during(ctx, store.New(o), func(ctx context.Context, s *store.Store) error {
		for i := range records {
			if _, err := s.Append(ctx, trialRecord(i)); err != nil {
				return err
			}
		}
		return s.Flush(ctx)
	}); err != nil {
		return failed(fmt.Errorf("write to %s: %w", dir, err), diskHint)
	}
	wrote := time.Since(began)
	found := 0
	err := during(ctx, store.New(o), func(ctx context.Context, s *store.Store) error {
		return s.Export(ctx, func(r store.Record) error {
			if r.Kind == store.KindTelemetry {
				if !bytes.Equal(r.Body, trialRecord(found).Body) {
					return fmt.Errorf("record %d came back as another", found)
				}
				found++
			}
			return nil
		})
	})
	if err == nil && found != records {
		err = fmt.Errorf("of %d records %d came back", records, found)
	}
	if err != nil {
		return failed(fmt.Errorf("read back from %s: %w", dir, err), diskHint)
	}
	return passed("%d records written and synced in %d ms, opened again and compared: %d ms in all",
		records, wrote.Milliseconds(), time.Since(began).Milliseconds())
}

func trialRecord(i int) store.Record {
	return store.Record{
		ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Subject: "selftest",
		ContentType: "application/json", Body: fmt.Appendf(nil, `{"n":%d,"squared":%d}`, i, i*i),
	}
}

// during runs a store, waits until its file is open, calls use, and stops it.
func during(ctx context.Context, s *store.Store, use func(context.Context, *store.Store) error) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	running := start(ctx, s.Run)
	err := opened(ctx, s)
	if err == nil {
		err = use(ctx, s)
	}
	if text := s.Stats().LastError; err != nil && text != "" {
		err = errors.New(text) // says more than that a deadline has passed
	}
	return errors.Join(err, running.stop())
}

// opened waits until the file is open or cannot be.
func opened(ctx context.Context, s *store.Store) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		switch stats := s.Stats(); {
		case stats.Ready:
			return nil
		case stats.LastError != "":
			return errors.New(stats.LastError)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// space tells how much is free beside the headroom that the queue leaves.
func (t *Trial) space(context.Context) Finding {
	free, ok := store.FreeBytes(t.scratch)
	if !ok {
		return skipped("this system does not tell what is free", "")
	}
	head := int64(t.agent.cfg.Store.Headroom)
	text := fmt.Sprintf("%s free on the file system of %s", diag.Volume(free), t.agent.cfg.Agent.StateDir)
	if free < head {
		return Finding{Failed, text + ", less than store.headroom = " + diag.Volume(head), "free the disk: telemetry makes room for itself until then"}
	}
	return passed("%s", text)
}
