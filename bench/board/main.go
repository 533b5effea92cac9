// Command board proves a built agent on the kernel of a board: a machine in QEMU with
// buses, lines and a network, in which the agent runs as it is. What it reads, drives,
// reports and delivers is compared with what the machine was made to have.
//
// scripts/proof.sh board-NAME calls it with the kernel and everything the guest needs;
// docs/PROOFS.md tells what is proven. The guest's first process is bench/board/guest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	exitRefuted = 1
	exitUsage   = 2
)

// options of one run.
type options struct {
	machine machine
	kernel  string
	dtb     string
	initrd  string
	work    string
	table   string
}

func main() {
	// QEMU dies with the thread that started it: it must be the main one.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	switch err := start(ctx, os.Args[1:]); {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		os.Exit(exitUsage)
	default:
		fmt.Fprintln(os.Stderr, "board:", err)
		os.Exit(exitRefuted)
	}
}

func start(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("board", flag.ContinueOnError)
	name := fs.String("machine", "", "`name` of the machine: "+strings.Join(names(), ", "))
	fs.StringVar(&o.machine.qemu, "qemu", "", "`binary` of QEMU; default: that of the machine, from PATH")
	fs.StringVar(&o.machine.share, "share", "", "`folder` of what QEMU brings along; default: its own")
	fs.StringVar(&o.kernel, "kernel", "", "`file` to boot")
	fs.StringVar(&o.dtb, "dtb", "", "device tree, a `file`, for machines that need one")
	fs.StringVar(&o.initrd, "initrd", "", "`file` with bench/board/guest as /init, the agent as /agent, and modules")
	fs.StringVar(&o.work, "work", "", "`folder` for sockets, of which the path must be short")
	fs.StringVar(&o.table, "table", "", "append the table to this `file`")
	if err := fs.Parse(args); err != nil {
		return flag.ErrHelp
	}
	all := machines()
	i := slices.IndexFunc(all, func(m machine) bool { return m.name == *name })
	if i < 0 || o.kernel == "" || o.initrd == "" || o.work == "" {
		fs.Usage()
		return flag.ErrHelp
	}
	all[i].share = o.machine.share
	if o.machine.qemu != "" {
		all[i].qemu = o.machine.qemu
	}
	o.machine = all[i]
	return o.prove(ctx)
}

func names() (all []string) {
	for _, m := range machines() {
		all = append(all, m.name)
	}
	return all
}

// prove boots the machine, does what is to be proven on it, and writes the table.
func (o *options) prove(ctx context.Context) error {
	r := &report{title: "the agent on " + o.machine.title, began: time.Now()}
	err := o.attempt(ctx, r)
	if err != nil {
		r.check("all of the above was done", "yes", firstLine(err), false)
	}
	if bad := r.write(o.table); bad != nil {
		err = errors.Join(err, bad)
	}
	if err == nil && r.failed > 0 {
		err = fmt.Errorf("%d of %d refuted", r.failed, len(r.rows))
	}
	return err
}

func (o *options) attempt(ctx context.Context, r *report) error {
	g, err := boot(ctx, o)
	if err != nil {
		return err
	}
	defer g.kill()
	b := &bed{guest: g, report: r}
	defer b.close()
	if err := o.machine.prove(ctx, b); err != nil {
		return fmt.Errorf("%w\n%s", err, b.circumstances())
	}
	return g.off()
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
