package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"fieldpost/bench/desk"
	"fieldpost/hub"
)

const (
	peakLimit    = 64 << 20 // bytes an agent may ever have resident
	attemptLimit = 60.0     // connections an agent may begin in a minute
	// The longest wait between two attempts, and the deadline of one.
	resumeAfter = 5*time.Minute + 30*time.Second
	// How long is waited for the agent to be online, to resume, and to catch up.
	patience = resumeAfter + time.Minute
)

// bed is where one row is proven.
type bed struct {
	hub   *desk.Hub
	agent *desk.Agent
	proxy *desk.Proxy
	rng   *rand.Rand
}

// result is a line of the table.
type result struct {
	Name     string
	What     string
	Account  desk.Account
	Outage   bool          // the row has a fault that ended
	Resume   time.Duration // from the end of the fault to the next event at the hub
	Attempts float64       // connections begun in a minute, from the start of the fault on
	Resends  int           // TCP segments that the gateway sent again
	Peak     int64         // bytes
	Failed   string        // why; empty: proven
}

func (o *options) prove(ctx context.Context, r row, rng *rand.Rand) result {
	res := result{Name: r.name, What: r.what, Outage: r.fault != nil}
	dir, err := os.MkdirTemp(o.work, r.name+"-")
	if err == nil {
		err = o.measure(ctx, r, dir, rng, &res)
	}
	if err == nil {
		err = res.judge()
	}
	if err != nil {
		res.Failed = err.Error()
	}
	return res
}

func (o *options) measure(ctx context.Context, r row, dir string, rng *rand.Rand, res *result) error {
	h, err := desk.StartHub(hub.Options{Listen: hubIP + ":0", HostName: hubIP})
	if err != nil {
		return err
	}
	defer h.Close()
	b := &bed{hub: h, rng: rng, agent: &desk.Agent{Binary: o.agent, Dir: dir, Hub: h, Sensors: r.sensors, Every: r.every}}
	if r.proxy {
		if b.proxy, err = desk.NewProxy(hubIP+":0", h.Addr()); err != nil {
			return err
		}
		defer b.proxy.Stop()
		b.agent.Address = b.proxy.Listen
	}
	if err := b.agent.Prepare(); err != nil {
		return err
	}
	if err := b.plugIn(r.shape); err != nil {
		return err
	}
	defer removeCable()
	defer b.agent.Stop()
	produced, err := b.suffer(ctx, r, res)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, b.agent.Tail())
	}
	if err := b.agent.Stop(); err != nil {
		return fmt.Errorf("stop the agent: %w", err)
	}
	kept, err := b.agent.Kept(ctx)
	if err != nil {
		return err
	}
	res.Account, err = desk.Settle(produced, h.Arrived(), kept)
	return err
}

// plugIn starts the agent behind its cable.
func (b *bed) plugIn(shape string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, append([]string{roleGateway, shape}, b.agent.Args()...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := b.agent.Start(cmd); err != nil {
		return err
	}
	err = layCable(b.agent.PID(), shape)
	if err == nil {
		_, err = in.Write([]byte("go\n"))
	}
	if err != nil {
		removeCable()
		return errors.Join(err, b.agent.Stop())
	}
	return nil
}

// suffer waits until the agent is online, lets the fault happen, and waits until the
// agent has caught up. It returns what the agent has produced.
func (b *bed) suffer(ctx context.Context, r row, res *result) (map[string]uint64, error) {
	wait := func(what string, n int) (time.Time, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		first, err := b.hub.Wait(ctx, n)
		if err != nil {
			return first, fmt.Errorf("%s: nothing arrives: %w", what, err)
		}
		return first, nil
	}
	if _, err := wait("at the start", 2); err != nil {
		return nil, err
	}
	before, err := b.agent.TCP()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	fault := r.fault
	if fault == nil {
		fault = func(ctx context.Context, _ *bed) error { return hold(ctx, plain) }
	}
	if err := fault(ctx, b); err != nil {
		return nil, err
	}
	last, ended := b.hub.Last(), time.Now()
	b.hub.Mark()
	if r.silent && last.Sub(began) > time.Second {
		return nil, fmt.Errorf("the fault is none: something arrived after %s of it", last.Sub(began).Round(time.Millisecond))
	}
	first, err := wait("after the fault", 1)
	if err != nil {
		return nil, err
	}
	res.Resume = max(0, first.Sub(ended))
	// What was sampled in a few seconds may be on its way at any time.
	few := uint64(16 + float64(r.sensors)*5*float64(time.Second)/float64(r.every))
	catchUp, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	counts, err := b.agent.Drained(catchUp, few)
	if err != nil {
		return nil, err
	}
	after, err := b.agent.TCP()
	if err != nil {
		return nil, err
	}
	res.Attempts = float64(after.Dials-before.Dials) / max(time.Since(began), time.Minute/4).Minutes()
	if res.Resends = after.Resends - before.Resends; r.resends && res.Resends == 0 {
		return nil, errors.New("the fault is none: TCP sent no segment again")
	}
	if res.Peak, err = desk.Peak(b.agent.PID()); err != nil {
		return nil, err
	}
	if counts.Lost > 0 || counts.Refused > 0 {
		return nil, fmt.Errorf("the agent counts %d lost, %d refused", counts.Lost, counts.Refused)
	}
	return counts.Produced(), nil
}

// judge says why a row that was measured is refuted.
func (r *result) judge() error {
	var why []error
	no := func(bad bool, format string, args ...any) {
		if bad {
			why = append(why, fmt.Errorf(format, args...))
		}
	}
	a := r.Account
	no(a.Lost() > 0, "%d lost: %s", a.Lost(), few(a.Missing))
	no(len(a.Strange) > 0, "%d that nobody produced: %s", len(a.Strange), few(a.Strange))
	no(a.Delivered == 0, "nothing was delivered")
	no(r.Attempts > attemptLimit, "%.0f attempts in a minute, %.0f are the most", r.Attempts, attemptLimit)
	no(r.Peak > peakLimit, "%d MiB resident, %d are the most", r.Peak>>20, peakLimit>>20)
	no(r.Resume > resumeAfter, "resumed after %s, %s is the most", r.Resume.Round(time.Second), resumeAfter)
	return errors.Join(why...)
}

func few(all []string) string {
	const most = 5
	if len(all) > most {
		return strings.Join(all[:most], ", ") + ", …"
	}
	return strings.Join(all, ", ")
}

func (r *result) verdict() string {
	if r.Failed != "" {
		return "FAILED"
	}
	return "PROVEN"
}

// line is what is said when a row is over.
func (r *result) line() string {
	text := fmt.Sprintf("%s: %s", r.Name, r.verdict())
	if r.Failed != "" {
		text += ": " + r.Failed
	}
	return text
}
