package agent

import (
	"context"
	"errors"

	"fieldpost/internal/diag"
	"fieldpost/internal/http1"
	"fieldpost/store"
)

// peekBytes bounds the bodies of one peek, so that its answer stays small.
const peekBytes = 4 << 20

// storeOptions is what the configuration says of the store.
func (a *Agent) storeOptions() store.Options {
	s := a.cfg.Store
	return store.Options{
		Dir:         a.cfg.Agent.StateDir,
		Preset:      s.Preset,
		MaxBytes:    int64(s.MaxBytes),
		Reserve:     int64(s.Reserve),
		Headroom:    int64(s.Headroom),
		MaxAge:      s.MaxAge,
		KeepOneIn:   int(s.KeepOneIn),
		DailyWrites: int64(s.DailyWrites),
		CommitEvery: s.CommitEvery,
		Overflow: [store.Classes]store.Overflow{
			store.Alarm:     overflowOf(s.OverflowAlarm),
			store.Result:    overflowOf(s.OverflowResult),
			store.Telemetry: overflowOf(s.OverflowTelemetry),
			store.Debug:     overflowOf(s.OverflowDebug),
		},
		Clock:    a.parts.Clock,
		OnCommit: a.parts.Watch.Commit,
		Log:      a.parts.Log.With("part", "store"),
	}
}

func overflowOf(name string) store.Overflow {
	switch name {
	case "thin-out":
		return store.ThinOut
	case "refuse":
		return store.Refuse
	default:
		return store.DropOldest
	}
}

// queueReport tells what there is to tell; what stands in a file that is not open
// yet is left out, so that a person who asks need not wait for it.
func (a *Agent) queueReport(ctx context.Context) (diag.QueueReport, error) {
	stats := a.store.Stats()
	report := diag.QueueReport{
		Queue:     queueOf(stats),
		Store:     a.storeOf(stats),
		AtRiskS:   stats.AtRisk.Seconds(),
		Commits:   stats.Commits,
		Syncs:     stats.Syncs,
		LastError: stats.LastError,

		Losses:      []diag.Loss{},
		DeadLetters: []diag.DeadLetter{},
	}
	if !stats.Ready {
		return report, nil
	}
	losses, err := a.store.Losses(ctx)
	if err != nil {
		return report, err
	}
	for _, l := range losses {
		report.Losses = append(report.Losses, diag.Loss{
			Reason: l.Reason, Class: l.Class.String(), Epoch: l.Epoch, FirstSeq: l.FirstSeq, LastSeq: l.LastSeq,
			Count: l.Count, Bytes: int64(l.Bytes), From: l.From, To: l.To,
		})
	}
	dead, err := a.deadLetters(ctx)
	report.DeadLetters = dead.DeadLetters
	return report, err
}

// storeOf tells how the queue's file is and what it costs the disk.
func (a *Agent) storeOf(s store.Stats) diag.Store {
	w := diag.Store{
		Ready:          s.Ready,
		Opening:        s.Opening,
		AtRiskByClassS: map[string]float64{},
		CommitEveryS:   s.CommitEvery.Seconds(),
		Stretched:      s.Stretched,
		WrittenToday:   s.WrittenToday,
		WriteBudget:    s.WriteBudget,
		StoredBytes:    s.StoredBytes,
		MaxBytes:       s.MaxBytes,
		ReserveBytes:   s.Reserve,
		Full:           s.Full,
		DiskBytes:      int64(s.DiskBytes),
		FreeBytes:      s.FreeBytes,
	}
	for class, age := range s.AtRiskByClass {
		w.AtRiskByClassS[store.Class(class).String()] = age.Seconds()
	}
	if g := s.Salvage; g.Phase != "" {
		w.Progress = &diag.Progress{Phase: g.Phase, Done: g.Done, Total: g.Total}
	}
	return w
}

func queueOf(s store.Stats) diag.Queue {
	q := diag.Queue{
		OldestAgeS: s.OldestAge.Seconds(),
		ByClass:    map[string]diag.Counts{},
		LostBy:     s.LostByReason,
		Refused:    s.Refused,
	}
	for class, c := range s.PerClass {
		q.ByClass[store.Class(class).String()] = diag.Counts{
			Produced: c.Produced, Delivered: c.Delivered, Queued: c.Queued, Dead: c.Dead, Lost: c.Lost, Bytes: c.Bytes,
		}
		q.Produced += c.Produced
		q.Delivered += c.Delivered
		q.Depth += c.Queued
		q.Dead += c.Dead
		q.Lost += c.Lost
	}
	return q
}

// queued is how many records of any class wait for the hub.
func queued(s store.Stats) uint64 {
	var n uint64
	for _, c := range s.PerClass {
		n += c.Queued
	}
	return n
}

// peek looks at what is drained next.
func (a *Agent) peek(ctx context.Context, p diag.Peek) (diag.Peeked, error) {
	class := store.AllClasses
	for c := range store.Class(store.Classes) {
		if c.String() == p.Class {
			class = c
		}
	}
	records, err := a.store.Peek(ctx, class, p.N)
	peeked, size := diag.Peeked{Records: []diag.Record{}}, 0
	switch {
	case errors.Is(err, store.ErrPartial):
		peeked.Incomplete = err.Error() + ": " + a.store.Stats().Opening
	case err != nil:
		return diag.Peeked{}, a.explain(err)
	}
	for i := range records {
		if size += len(records[i].Body); size > peekBytes && i > 0 {
			peeked.More = true
			break
		}
		peeked.Records = append(peeked.Records, a.recordOf(&records[i]))
	}
	return peeked, nil
}

// export ends with an error behind the records when they are not all.
func (a *Agent) export(ctx context.Context, emit func(diag.Record) error) error {
	err := a.store.Export(ctx, func(r store.Record) error { return emit(a.recordOf(&r)) })
	if errors.Is(err, store.ErrPartial) {
		return &diag.AnswerError{Status: http1.StatusServiceUnavailable, Problem: diag.Problem{
			Message: err.Error() + ": " + a.store.Stats().Opening, Hint: openingHint,
		}}
	}
	return a.explain(err)
}

// recordOf is a record as a technician sees it, dated as it would be now.
func (a *Agent) recordOf(r *store.Record) diag.Record {
	at, uncertainty := a.timeline.Resolve(r.Stamp)
	w := diag.Record{
		MessageID: r.ID.String(), Class: r.Class.String(), Kind: r.Kind.String(),
		At: at, UncertaintyS: uncertainty.Seconds(),
		Subject: r.Subject, CorrelationID: r.CorrelationID, ContentType: r.ContentType, Properties: r.Props,
	}
	w.SetBody(r.Body)
	return w
}
