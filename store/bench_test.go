package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

var benchBody = `{"temperature":21.53,"humidity":44.1,"pressure":100934.2,"note":"` + strings.Repeat("x", 130) + `"}`

// BenchmarkAppendCommit appends groups of records and commits each group.
func BenchmarkAppendCommit(b *testing.B) {
	for _, group := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			s := store.New(store.Options{Dir: b.TempDir(), CommitEvery: time.Hour, CommitBytes: 1 << 30, MaxBytes: 400 << 20})
			storetest.Start(b, s)
			storetest.Ready(b, s)
			recs := make([]store.Record, group)
			b.SetBytes(int64(len(benchBody)))
			b.ResetTimer()
			for n := 0; n < b.N; n += group {
				for i := range recs {
					recs[i] = storetest.Rec(store.Telemetry, benchBody)
				}
				storetest.Append(b, s, recs...)
				storetest.Flush(b, s)
			}
			b.StopTimer()
			st := s.Stats()
			b.ReportMetric(float64(st.Syncs)/float64(b.N), "syncs/op")
			b.ReportMetric(float64(st.DiskBytes)/float64(b.N), "diskB/op")
		})
	}
}

// BenchmarkDrain drains a backlog of 100 000 records from disk, per operation.
func BenchmarkDrain(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		b.StopTimer()
		o := store.Options{Dir: b.TempDir(), CommitBytes: 1 << 20, MaxMemory: 32 << 20, MaxBytes: 400 << 20}
		s := store.New(o)
		stop := storetest.Start(b, s)
		for range n {
			storetest.Append(b, s, storetest.Rec(store.Telemetry, benchBody))
		}
		stop()
		s = store.New(o)
		stop = storetest.Start(b, s)
		storetest.Ready(b, s)
		b.StartTimer()
		for got := 0; got < n; {
			l := storetest.Next(b, s, store.Want{Records: 500})
			got += len(l.Records())
			l.Ack()
		}
		storetest.Flush(b, s)
		b.StopTimer()
		stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkHandOff delivers from memory what was just appended.
func BenchmarkHandOff(b *testing.B) {
	s := store.New(store.Options{Dir: b.TempDir(), CommitEvery: time.Hour})
	storetest.Start(b, s)
	storetest.Ready(b, s)
	storetest.Flush(b, s)
	before := s.Stats().Commits
	for b.Loop() {
		if _, err := s.Append(bg, storetest.Rec(store.Telemetry, benchBody)); err != nil {
			b.Fatal(err)
		}
		l, err := s.Next(bg, store.Want{Records: 10})
		if err != nil {
			b.Fatal(err)
		}
		l.Ack()
	}
	if n := s.Stats().Commits - before; n != 0 {
		b.Errorf("%d commits", n)
	}
}
