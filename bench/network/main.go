// Command network proves that a built agent loses nothing on a bad network. Each row
// of its table is one fault on a real path: the agent runs in a network namespace of
// its own, behind a veth pair and a bridge, and where the row says so behind a TCP
// proxy that cuts, stalls, slices and delays. What the agent produced is compared
// with what the hub logged, by message-id.
//
// scripts/proof.sh uplink-network calls it; docs/PROOFS.md tells what the rows do.
// It needs root, and the commands ip and tc. All its namespaces and links belong to
// its processes and end with them, however they end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	exitRefuted = 1
	exitUsage   = 2
)

// errRefuted says that a row has failed; the table has its reason.
var errRefuted = errors.New("refuted")

// options of one run.
type options struct {
	agent  string // binary
	work   string // folder for what agents leave
	kernel string // of the guest for rows that need one
	initrd string
	seed   uint64
	short  bool
	table  string
	rows   []row
}

func main() {
	// Children die with the thread that started them: it must be the main one.
	runtime.LockOSThread()
	if len(os.Args) > 1 && os.Args[1] == roleGateway {
		fmt.Fprintln(os.Stderr, "gateway:", beGateway(os.Stdin, os.Args[2:]))
		os.Exit(exitRefuted)
	}
	if len(os.Args) > 1 && os.Args[1] == roleGuest {
		beGuest(os.Args[2:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := start(ctx, os.Args[1:], os.Stdout)
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), exitRefuted))
	case errors.Is(err, errRefuted):
		os.Exit(exitRefuted)
	case errors.Is(err, flag.ErrHelp):
		os.Exit(exitUsage)
	default:
		fmt.Fprintln(os.Stderr, "network:", err)
		os.Exit(exitRefuted)
	}
}

func start(ctx context.Context, args []string, out io.Writer) error {
	var o options
	fs := flag.NewFlagSet("network", flag.ContinueOnError)
	inside := fs.Bool("inside", false, "for the program itself: it has a network of its own")
	fs.StringVar(&o.agent, "agent", "", "the agent's `binary`; static, for rows that need a guest")
	fs.StringVar(&o.work, "work", "", "`folder` for logs and state, of which the path must be short")
	fs.StringVar(&o.kernel, "kernel", "", "`vmlinuz` to boot for rows that need packets lost or out of order; default: they are skipped")
	fs.StringVar(&o.initrd, "initrd", "", "`file` with this program as /network, the agent as /agent, ip, tc and modules")
	fs.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of everything random")
	fs.BoolVar(&o.short, "short", false, "only rows that are over in seconds")
	fs.StringVar(&o.table, "table", "", "append the table to this `file`")
	list := fs.Bool("list", false, "list the rows")
	if err := fs.Parse(args); err != nil {
		return flag.ErrHelp
	}
	var err error
	if o.rows, err = choose(fs.Args(), o.short); err != nil {
		return err
	}
	if *list {
		listRows(o.rows, out)
		return nil
	}
	if o.agent == "" || o.work == "" {
		return errors.New("-agent and -work are needed")
	}
	if why := unable(); why != "" {
		o.skip(why, out)
		return nil
	}
	if !*inside {
		err := enter(ctx, append([]string{"-inside", fmt.Sprintf("-seed=%d", o.seed)}, args...), out)
		if errors.Is(err, syscall.EPERM) {
			o.skip(err.Error(), out)
			return nil
		}
		return err
	}
	return o.run(ctx, out)
}

func (o *options) skip(why string, out io.Writer) {
	for _, r := range o.rows {
		fmt.Fprintf(out, "SKIPPED: %s: %s\n", r.name, why)
	}
}

// unable says why there can be no network of our own here.
func unable() string {
	if os.Geteuid() != 0 {
		return "network namespaces need root"
	}
	for _, tool := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err.Error()
		}
	}
	return ""
}

// enter starts this program again in a new network namespace, which ends with it.
func enter(ctx context.Context, args []string, out io.Writer) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// run does the rows that can be done on this kernel here, and the others in a guest.
func (o *options) run(ctx context.Context, out io.Writer) error {
	if err := layBridge(); err != nil {
		return err
	}
	var results []result
	var guests []row
	for _, r := range o.rows {
		if r.netem {
			guests = append(guests, r)
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		res := o.prove(ctx, r, rand.New(rand.NewPCG(o.seed, 1)))
		fmt.Fprintln(out, res.line())
		results = append(results, res)
	}
	if len(guests) > 0 && o.kernel == "" {
		for _, r := range guests {
			fmt.Fprintf(out, "SKIPPED: %s: this kernel has no netem, and there is no -kernel to boot\n", r.name)
		}
	} else if len(guests) > 0 {
		more, err := o.boot(ctx, guests, out)
		if err != nil {
			return err
		}
		results = append(results, more...)
	}
	return o.report(results, out)
}

func listRows(some []row, out io.Writer) {
	for _, r := range some {
		where := ""
		if r.netem {
			where = ", in a guest"
		}
		fmt.Fprintf(out, "%-15s%s%s\n", r.name, r.what, where)
	}
}

// choose returns the rows of these names; all, or all short ones, without a name.
func choose(names []string, short bool) ([]row, error) {
	all := rows()
	if len(names) == 0 {
		var some []row
		for _, r := range all {
			if !short || r.short {
				some = append(some, r)
			}
		}
		return some, nil
	}
	var some []row
	for _, name := range names {
		found := false
		for _, r := range all {
			if r.name == name {
				some, found = append(some, r), true
			}
		}
		if !found {
			var known []string
			for _, r := range all {
				known = append(known, r.name)
			}
			return nil, fmt.Errorf("no row %q; there are: %s", name, strings.Join(known, " "))
		}
	}
	return some, nil
}
