package store_test

import (
	"fmt"
	"os"
	"runtime"
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

// BenchmarkDrain drains a backlog of 100 000 records from disk, per operation, and
// commits once in 5000. Nothing is synced: what counts is the processor.
func BenchmarkDrain(b *testing.B) {
	const n = 100_000
	full := backlog(b, n)
	var before, after runtime.MemStats
	var allocs, bytes uint64
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		if err := os.CopyFS(dir, os.DirFS(full)); err != nil {
			b.Fatal(err)
		}
		s := store.New(store.Options{Dir: dir, CommitEvery: time.Hour, MaxBytes: 400 << 20, NoSync: true})
		stop := storetest.Start(b, s)
		storetest.Ready(b, s)
		runtime.ReadMemStats(&before)
		b.StartTimer()
		for got, leases := 0, 1; got < n; leases++ {
			l, err := s.Next(bg, store.Want{Records: 500})
			if err != nil {
				b.Fatal(err)
			}
			got += len(l.Records())
			l.Ack()
			if leases%10 == 0 || got == n {
				storetest.Flush(b, s)
			}
		}
		b.StopTimer()
		runtime.ReadMemStats(&after)
		allocs, bytes = allocs+after.Mallocs-before.Mallocs, bytes+after.TotalAlloc-before.TotalAlloc
		stop()
		b.StartTimer()
	}
	records := float64(n * b.N)
	b.ReportMetric(records/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(allocs)/records, "allocs/record")
	b.ReportMetric(float64(bytes)/records, "B/record")
}

// backlog returns the folder of a closed store that holds n records.
func backlog(b *testing.B, n int) string {
	o := store.Options{Dir: b.TempDir(), CommitBytes: 1 << 20, MaxMemory: 32 << 20, MaxBytes: 400 << 20}
	s := store.New(o)
	stop := storetest.Start(b, s)
	for i := range n {
		r := storetest.Rec(store.Telemetry, fmt.Sprintf(`{"seq":%d,"temperature":%.2f,%s`, i, 20+float64(i%701)/50, benchBody[20:]))
		sensor := fmt.Sprint("bme280-", i%3)
		r.Subject, r.ContentType, r.Props = sensor, "application/json", map[string]string{"sensor": sensor}
		storetest.Append(b, s, r)
	}
	stop()
	return o.Dir
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
