// Command bench measures what the store writes to a device, and what other queues
// of the field write for the same readings, in one run on one loop device whose
// own counters tell. scripts/bench-store.sh sets the device up and calls it;
// docs/BENCHMARKS.md has what it gave.
//
// It is a module of its own, so that the queues it compares with stay out of the
// agent's.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"fieldpost/bench/report"
)

func main() {
	if err := start(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	dev      device
	cgroup   string
	messages int
	group    int
	rounds   int
	backlog  int
	out      report.Document
	figures  report.Figures
}

var errUsage = errors.New("usage: bench -device /dev/loopN -mount DIR [PART...], each of compare, handoff, idle, backlog, calibrate, real")

func start(args []string, in io.Reader, out io.Writer) error {
	b := bench{out: report.Document{W: out}}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	child := fs.String("child", "", "for the program itself")
	fs.StringVar(&b.dev.Node, "device", "", "loop device under the mount")
	fs.StringVar(&b.dev.Mount, "mount", "", "folder where its ext4 is mounted")
	fs.StringVar(&b.cgroup, "cgroup", "fieldpost-bench", "name of the control group that throttles")
	fs.IntVar(&b.messages, "messages", 100_000, "readings compared in one round")
	fs.IntVar(&b.group, "group", 100, "readings per commit")
	fs.IntVar(&b.rounds, "rounds", 3, "rounds, of which the median counts")
	fs.IntVar(&b.backlog, "backlog", 1_000_000, "readings of the long backlog")
	long := fs.Duration("real", time.Minute, "length of each case of the part real")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *child != "" {
		return beChild(*child, in, out)
	}
	if b.dev.Node == "" || b.dev.Mount == "" {
		return errUsage
	}
	parts := fs.Args()
	if len(parts) == 0 {
		parts = []string{"compare", "handoff", "idle", "backlog", "calibrate"}
	}
	b.head()
	for _, p := range parts {
		if err := b.part(p, *long); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if b.figures.Len() > 0 {
		b.out.Section("Figures to reach")
		b.out.Table(b.figures.Table())
		b.out.Line("\n%d of these were missed.", b.figures.Missed())
	}
	return nil
}

func (b *bench) part(name string, long time.Duration) error {
	switch name {
	case "compare":
		all, err := b.compare()
		if err != nil {
			return err
		}
		b.reportCompare(all)
		return b.slowDrain()
	case "handoff":
		return b.handOff()
	case "idle":
		return b.idle()
	case "backlog":
		return b.backlogPart()
	case "calibrate":
		return b.calibrate()
	case "real":
		return b.real(long)
	}
	return fmt.Errorf("no such part; %w", errUsage)
}

// head says where the figures come from.
func (b *bench) head() {
	kernel := "unknown"
	var u syscall.Utsname
	if err := syscall.Uname(&u); err == nil {
		raw := make([]byte, 0, len(u.Release))
		for _, c := range u.Release {
			raw = append(raw, byte(c))
		}
		kernel = string(raw[:slices.Index(raw, 0)])
	}
	b.out.Line("%s, %s/%s, %d processors, Linux %s, ext4 on a loop device.", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), strings.TrimSpace(kernel))
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}
