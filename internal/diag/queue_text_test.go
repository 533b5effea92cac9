package diag

import (
	"io"
	"testing"
	"time"
)

func TestQueueText(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	s := example()
	q := QueueReport{Queue: s.Queue, AtRiskS: s.AtRiskS, Commits: 120, Syncs: 240,
		Store: Store{Ready: true, StoredBytes: 1200000, MaxBytes: 64 << 20, ReserveBytes: 1 << 20, DiskBytes: 1300000, FreeBytes: 3 << 30,
			AtRiskByClassS: map[string]float64{"telemetry": 4.23, "alarm": 0, "debug": 90},
			CommitEveryS:   45, Stretched: "the write budget of this day is nearly used", WrittenToday: 90e6, WriteBudget: 100 << 20},
		Losses: []Loss{
			{Reason: "evicted", Class: "telemetry", Epoch: 11, FirstSeq: 100, LastSeq: 124, Count: 25, From: at, To: at.Add(time.Hour)},
			{Reason: "unclean-stop", Class: "telemetry", Epoch: 11, FirstSeq: 1, LastSeq: 4, Count: 4},
		}}
	for i := range 25 {
		q.DeadLetters = append(q.DeadLetters, DeadLetter{MessageID: "0123456789abcdef-12-1-" + count(uint64(i)), Kind: "result", Cause: "amqp:link:message-size-exceeded"})
	}
	q.DeadLetters[0].Subject = "outdoor"
	golden(t, "queue", func(w io.Writer) error { return WriteQueue(w, q) })
	golden(t, "queue-opening", func(w io.Writer) error {
		return WriteQueue(w, QueueReport{Store: Store{Opening: "the file is damaged", Progress: &Progress{"salvage", 12 << 20, 40 << 20}}, LastError: "input/output error"})
	})
	golden(t, "queue-fresh", func(w io.Writer) error {
		return WriteQueue(w, QueueReport{Store: Store{Ready: true, CommitEveryS: 30, Progress: &Progress{Phase: "salvage", Done: 5}}})
	})
}

func records() []Record {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	all := []Record{
		{MessageID: "0123456789abcdef-12-2-7", Class: "telemetry", Kind: "telemetry", At: at, UncertaintyS: 7200, Subject: "outdoor",
			ContentType: "application/json", Properties: map[string]string{"sensor": "outdoor", "quality": "a=bad:\x1b[2J"}},
		{MessageID: "0123456789abcdef-12-1-1", Class: "result", Kind: "result", CorrelationID: "command-1"},
		{MessageID: "0123456789abcdef-12-3-1", Class: "debug", Kind: "event"},
	}
	all[0].SetBody([]byte(`{"temperature": 21.5}`))
	all[1].SetBody([]byte("\x00\xff not JSON"))
	return all
}

func TestPeekText(t *testing.T) {
	golden(t, "peek", func(w io.Writer) error { return WritePeek(w, Peeked{Records: records(), More: true}) })
	golden(t, "peek-incomplete", func(w io.Writer) error {
		return WritePeek(w, Peeked{Records: records()[:1], Incomplete: "the file is not open"})
	})
	golden(t, "peek-none", func(w io.Writer) error { return WritePeek(w, Peeked{}) })
}

func TestDeadText(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	golden(t, "dead", func(w io.Writer) error {
		return WriteDead(w, DeadLetters{[]DeadLetter{
			{MessageID: "0123456789abcdef-12-2-7", Kind: "telemetry", Subject: "outdoor", Cause: "amqp:link:message-size-exceeded", At: at},
			{MessageID: "0123456789abcdef-12-1-1", Kind: "result", Cause: "no\nreason"},
		}})
	})
	golden(t, "dead-none", func(w io.Writer) error { return WriteDead(w, DeadLetters{}) })
	for i, name := range []string{"dead-show", "dead-show-bytes"} {
		golden(t, name, func(w io.Writer) error {
			return WriteDeadRecord(w, DeadRecord{Record: records()[i], Cause: "amqp:not-allowed", RefusedAt: at})
		})
	}
}

func TestBodiesKeepWhatTheyAre(t *testing.T) {
	for body, asJSON := range map[string]bool{
		`{"a": [1, 12345678901234567890]}`: true,
		"3":                                true,
		"":                                 false,
		"{":                                false,
		"\"\xff\"":                         false,
		"a\nb":                             false,
	} {
		var r Record
		r.SetBody([]byte(body))
		if got := r.Body != nil; got != asJSON || asJSON == (r.BodyBase64 != nil) {
			t.Errorf("%q: %+v", body, r)
		}
	}
}
