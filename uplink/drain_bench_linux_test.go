package uplink_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/store"
	"fieldpost/uplink"
)

// benchChild tells a copy of the test program which part of a benchmark it is.
const benchChild = "FIELDPOST_BENCH_CHILD"

func TestMain(m *testing.M) {
	task := os.Getenv(benchChild)
	if task == "" {
		os.Exit(m.Run())
	}
	if err := runChild(task); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// benchTask is one way to send the same messages, in a process of its own.
type benchTask struct {
	Way      string // sink, fill, or one of benchWays
	Messages int
	Addr     string        // of the sink
	Delay    time.Duration // added to the round trip
	Dir      string        // of the store
}

type benchResult struct {
	Seconds float64 // from the first message to the last answer
	CPU     float64 // seconds of both kinds, in that time
	RSS     int64   // at most, bytes
}

// benchWays are compared with each other. Those of the drain send from the memory
// of the store, or from its file after a restart.
var benchWays = []string{
	"raw-sequential", "raw-window512", "raw-batch100x8",
	"drain-memory-single", "drain-disk-single", "drain-memory-batch100x8", "drain-disk-batch100x8", "drain-disk-default",
}

// BenchmarkDrain sends messages of 200 bytes with three properties over TLS on
// loopback to a sink that accepts them, each way in a process of its own: go-amqp
// one after the other, with 512 on their way, and in batches of 100 with 8 on
// their way; the drain with the same windows, and as it is by default. Each
// message of a batch is encoded when it is sent, by all of them.
func BenchmarkDrain(b *testing.B) {
	for _, rtt := range []time.Duration{0, 20 * time.Millisecond, 200 * time.Millisecond} {
		for _, way := range benchWays {
			n := benchMessages(way, rtt)
			b.Run(fmt.Sprintf("rtt=%s/%s", rtt, way), func(b *testing.B) {
				var sum benchResult
				for range b.N {
					r := benchOnce(b, benchTask{Way: way, Messages: n, Delay: rtt})
					sum.Seconds += r.Seconds
					sum.CPU += r.CPU
					sum.RSS = max(sum.RSS, r.RSS)
				}
				all := float64(n * b.N)
				b.ReportMetric(all/sum.Seconds, "msg/s")
				b.ReportMetric(sum.CPU*1e6/all, "cpu-µs/msg")
				b.ReportMetric(float64(sum.RSS)/1e6, "MB-rss")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// benchMessages is how many messages take a way some seconds.
func benchMessages(way string, rtt time.Duration) int {
	per := 1 // on their way
	switch {
	case strings.Contains(way, "batch"), strings.Contains(way, "default"):
		per = 800
	case way != "raw-sequential":
		per = 512
	}
	if rtt > 0 { // long enough for a window that opens by doubling
		return per * max(150, int(10*time.Second/rtt))
	}
	return map[int]int{1: 10_000, 512: 100_000, 800: 300_000}[per]
}

func benchOnce(b *testing.B, task benchTask) benchResult {
	b.Helper()
	in, out := io.Pipe()
	defer out.Close()
	sink := child(b, benchTask{Way: "sink"})
	sink.Stdin = in
	from, err := sink.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := sink.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = out.Close(); _ = sink.Wait() }()
	addr, err := bufio.NewReader(from).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	task.Addr, task.Dir = strings.TrimSpace(addr), b.TempDir()
	if strings.Contains(task.Way, "disk") {
		fill := task
		fill.Way = "fill"
		if text, err := child(b, fill).CombinedOutput(); err != nil {
			b.Fatalf("fill: %v: %s", err, text)
		}
	}
	client := child(b, task)
	var said bytes.Buffer
	client.Stdout, client.Stderr = &said, os.Stderr
	if err := client.Run(); err != nil {
		b.Fatalf("%s: %v", task.Way, err)
	}
	var r benchResult
	if err := json.Unmarshal(said.Bytes(), &r); err != nil {
		b.Fatalf("%s: %v: %s", task.Way, err, &said)
	}
	r.RSS = int64(client.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) << 10
	return r
}

func child(b *testing.B, task benchTask) *exec.Cmd {
	b.Helper()
	text, err := json.Marshal(task)
	if err != nil {
		b.Fatal(err)
	}
	c := exec.CommandContext(b.Context(), os.Args[0])
	c.Env = append(os.Environ(), benchChild+"="+string(text))
	return c
}

func runChild(text string) error {
	var task benchTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return err
	}
	switch task.Way {
	case "sink":
		return serveSink()
	case "fill":
		return fillStore(task)
	}
	send := rawWay(task)
	if strings.HasPrefix(task.Way, "drain") {
		var err error
		if send, err = prepareDrain(task); err != nil {
			return err
		}
	}
	session, err := sinkSession(task)
	if err != nil {
		return err
	}
	began, before := time.Now(), processorTime()
	if err := send(session); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(benchResult{Seconds: time.Since(began).Seconds(), CPU: processorTime() - before})
}

func processorTime() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it fails for a wrong first argument only
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func sinkSession(task benchTask) (*amqp.Session, error) {
	nc, err := net.Dial("tcp", task.Addr)
	if err != nil {
		return nil, err
	}
	if task.Delay > 0 {
		nc = delay(nc, task.Delay)
	}
	ctx := context.Background()
	conn, err := amqp.NewConn(ctx, tls.Client(nc, &tls.Config{InsecureSkipVerify: true}), &amqp.ConnOptions{IdleTimeout: -1})
	if err != nil {
		return nil, err
	}
	return conn.NewSession(ctx, nil)
}

func benchStore(task benchTask) *store.Store {
	return store.New(store.Options{Dir: task.Dir, NoSync: true, MaxBytes: 512 << 20, DailyWrites: 1 << 40, CommitEvery: 5 * time.Second, MaxMemory: map[bool]int{true: 8 << 20, false: 512 << 20}[task.Way == "fill" || strings.Contains(task.Way, "disk")]})
}

func appendBench(s *store.Store, task benchTask) error {
	c, bodies, ctx := clock.System(), benchBodies(), context.Background()
	for from := 0; from < task.Messages; from += 100 {
		var records []store.Record
		for i := from; i < min(from+100, task.Messages); i++ {
			records = append(records, store.Record{
				ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Stamp: c.Now(),
				Subject: "boiler", ContentType: "application/json", Props: map[string]string{"sensor": "boiler"}, Body: bodies[i%len(bodies)],
			})
		}
		if _, err := s.Append(ctx, records...); err != nil {
			return err
		}
	}
	return nil
}

func fillStore(task benchTask) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, ended := benchStore(task), make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if err := s.Flush(ctx); err != nil {
		return err
	}
	if err := appendBench(s, task); err != nil {
		return err
	}
	if got := s.Stats().PerClass[store.Telemetry].Queued; got != uint64(task.Messages) {
		return fmt.Errorf("%d of %d records are queued", got, task.Messages)
	}
	cancel()
	return <-ended
}

func prepareDrain(task benchTask) (func(*amqp.Session) error, error) {
	ctx := context.Background()
	s := benchStore(task)
	go func() { _ = s.Run(ctx) }()
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	if strings.Contains(task.Way, "memory") {
		if err := appendBench(s, task); err != nil {
			return nil, err
		}
	}
	o := uplink.DrainOptions{Store: s, Timeline: clock.NewTimeline(clock.System()), DeviceID: func() string { return "bench" }}
	switch {
	case strings.HasSuffix(task.Way, "single"):
		o.Window, o.WindowBytes, o.BatchRecords = 512, 8<<20, 1
	case strings.HasSuffix(task.Way, "batch100x8"):
		o.Window, o.WindowBytes, o.BatchRecords = 8, 8<<20, 100
	}
	d := uplink.NewDrain(o)
	return func(session *amqp.Session) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		served := make(chan error, 1)
		go func() { served <- d.Serve(ctx, session) }()
		drained := make(chan error, 1)
		go func() { drained <- d.Drained(ctx) }()
		select {
		case err := <-served:
			return err
		case err := <-drained:
			if got := s.Stats().PerClass[store.Telemetry].Delivered; err == nil && got != uint64(task.Messages) {
				err = fmt.Errorf("%d of %d records were delivered", got, task.Messages)
			}
			return err
		}
	}, nil
}
