// Command uplink measures the drain of the agent beside what else sends telemetry to
// an IoT hub: go-amqp bare, and Microsoft's SDK for Node. One run, one local hub, the
// same TLS, the same messages; each sender is a process of its own, whose processor
// time and memory the kernel tells. scripts/bench.sh uplink calls it;
// docs/BENCHMARKS.md has what it gave.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"fieldpost/bench/desk"
	"fieldpost/bench/report"
	"fieldpost/hub"
)

func main() {
	// Children die with the thread that started them: it must be the main one.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := start(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "uplink:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	hub      *desk.Hub
	work     string
	agent    string // binary, for the part outage
	node     string // script of the Node peer; empty: it is left out
	messages int
	seconds  float64 // a case with a delay is as long as this, by its window
	rounds   int
	out      report.Document
	figures  report.Figures
}

func start(ctx context.Context, args []string, out io.Writer) error {
	b := bench{out: report.Document{W: out}}
	fs := flag.NewFlagSet("uplink", flag.ContinueOnError)
	child := fs.String("child", "", "for the program itself")
	fs.StringVar(&b.work, "work", "", "`folder` for stores and logs, of which the path must be short")
	fs.StringVar(&b.agent, "agent", "", "the agent's `binary`, for the part outage")
	fs.StringVar(&b.node, "node", "", "`script` of the peer for Node; without it that peer is left out, and said so")
	fs.IntVar(&b.messages, "messages", 50_000, "messages of a case without a delay")
	fs.Float64Var(&b.seconds, "seconds", 5, "least length of a case with a delay")
	fs.IntVar(&b.rounds, "rounds", 3, "rounds, of which the median counts; outages are at least 5")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *child != "" {
		return beChild(ctx, *child, out)
	}
	if b.work == "" {
		return errors.New("usage: uplink -work FOLDER [PART...], each of rates, delay, outage")
	}
	parts := fs.Args()
	if len(parts) == 0 {
		parts = []string{"rates", "delay", "outage"}
	}
	var err error
	if b.hub, err = desk.StartHub(hub.Options{LogBytes: 512 << 20}); err != nil {
		return err
	}
	defer b.hub.Close()
	b.out.Line("%s, %s/%s, %d processors; hub and senders share them.", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, p := range parts {
		part := map[string]func(context.Context) error{"rates": b.rates, "delay": b.delays, "outage": b.outage}[p]
		if part == nil {
			return fmt.Errorf("no part %q", p)
		}
		if err := part(ctx); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	b.out.Section("Figures to reach")
	b.out.Table(b.figures.Table())
	b.out.Line("\n%d of these were missed.", b.figures.Missed())
	return nil
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// run lets a peer send through one process, and sees to it that all of it arrived.
func (b *bench) run(ctx context.Context, p peer, address string, count int) (answer, error) {
	dir, err := os.MkdirTemp(b.work, "peer-")
	if err != nil {
		return answer{}, err
	}
	defer os.RemoveAll(dir)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, b.hub.CAPEM(), 0o600); err != nil {
		return answer{}, err
	}
	t := task{Peer: p.name, Connection: b.hub.Connection, CA: ca, Address: address, Count: count, Dir: dir}
	before := b.hub.EventCount()
	a, err := b.spawn(ctx, p, t)
	if err != nil {
		return a, fmt.Errorf("%s: %w", p.name, err)
	}
	if n := int(b.hub.EventCount() - before); n != count {
		return a, fmt.Errorf("%s sent %d messages, the hub has %d", p.name, count, n)
	}
	if p.ordered {
		err = inOrder(b.hub.Arrived(), count)
	}
	return a, err
}

// inOrder reports records that arrived behind a later one of their class.
func inOrder(arrived []string, count int) error {
	account, err := desk.Settle(nil, arrived[max(len(arrived)-count, 0):], nil)
	if err == nil && (account.Disorder > 0 || account.Lost() > 0 || len(account.Strange) > 0) {
		err = fmt.Errorf("%d lost, %d out of order, %d of others", account.Lost(), account.Disorder, len(account.Strange))
	}
	return err
}

// task is what a child process does.
type task struct {
	Peer       string
	Connection string
	CA         string // file
	Address    string // to dial, when it is not that of the connection string
	Count      int
	Dir        string // for a store
}

// answer is what it cost, from the first message to the last outcome.
type answer struct {
	Seconds float64
	CPU     float64 // s, user and system
	Peak    int64   // bytes resident, of the whole process
}

func (t task) args() ([]string, error) {
	spec, err := json.Marshal(t)
	return []string{"-child", string(spec)}, err
}
