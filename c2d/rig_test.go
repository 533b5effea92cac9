package c2d_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/internal/service"
	"fieldpost/store"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

const deviceID = "pump%#7" // needs escaping in a link address

// post is a hub with one device and a service that sends it commands.
type post struct {
	testing.TB
	ctx      context.Context
	hub      *hub.Hub
	roots    *x509.CertPool
	service  *service.Client
	feedback *service.FeedbackReceiver
	dir      string
	sync     bool // the store syncs its file
	sent     int
}

func newPost(t testing.TB, opt hub.Options) *post {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	if opt.FeedbackEvery == 0 {
		opt.FeedbackEvery = 10 * time.Millisecond
	}
	h, err := hub.New(opt)
	p := &post{TB: t, ctx: ctx, hub: h, roots: x509.NewCertPool(), dir: t.TempDir()}
	p.must(err)
	run(t, h.Run)
	p.roots.AppendCertsFromPEM(h.CAPEM())
	_, err = h.AddDevice(deviceID)
	p.must(err)
	p.dial()
	return p
}

func (p *post) dial() {
	p.Helper()
	var err error
	p.service, err = service.Dial(p.ctx, service.Options{ConnectionString: p.hub.ServiceConnectionString(), RootCAs: p.roots})
	p.must(err)
	p.Cleanup(func() { p.service.Close() })
	p.feedback, err = p.service.Feedback(p.ctx)
	p.must(err)
}

// run runs f until the returned function is called, at the end of the test at the latest.
func run(t testing.TB, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func (p *post) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// agent is one life of the device.
type agent struct {
	*post
	store   *store.Store
	loop    *c2d.Loop
	link    *uplink.Link
	reports chan c2d.Report
	kill    func() // link and store
}

func (p *post) agent(opt c2d.Options, actions ...c2d.Action) *agent {
	p.Helper()
	a := &agent{post: p, reports: make(chan c2d.Report, 1000)}
	a.store = store.New(store.Options{Dir: p.dir, NoSync: !p.sync, Clock: clock.System()})
	stopStore := run(p.TB, a.store.Run)
	opt.DeviceID = func() string { return deviceID }
	opt.Journal, opt.Actions, opt.Clock = a.store.Journal(), actions, clock.System()
	opt.Grace = 100 * time.Millisecond
	for _, action := range actions {
		opt.Allow = append(opt.Allow, action.Name)
	}
	opt.OnCommand = func(r c2d.Report) {
		select {
		case a.reports <- r:
		default:
		}
	}
	a.loop = c2d.New(opt)
	text, err := p.hub.DeviceConnectionString(deviceID)
	p.must(err)
	cs, err := auth.ParseConnectionString(text)
	p.must(err)
	id, err := uplink.NewIdentity(cs, p.roots)
	p.must(err)
	link := uplink.NewLink(uplink.LinkOptions{
		Identity:   func() (uplink.Identity, error) { return id, nil },
		Clock:      clock.System(),
		BackoffMin: 10 * time.Millisecond,
		BackoffMax: 50 * time.Millisecond,
	}, a.loop, a.loop.Methods())
	a.link = link
	stopLink := run(p.TB, link.Run)
	a.kill = func() { stopLink(); stopStore() }
	return a
}

// send sends a command and returns its message-id.
func (p *post) send(id, command, body string) string {
	p.Helper()
	if id == "" {
		p.sent++
		id = fmt.Sprintf("cmd-%d", p.sent)
	}
	m := service.C2D{DeviceID: deviceID, MessageID: id, Body: []byte(body), Ack: service.AckFull}
	if command != "" {
		m.Properties = map[string]string{"command": command}
	}
	p.must(p.service.Send(p.ctx, m))
	return id
}

// told waits for the feedback about a message.
func (p *post) told(id, status string) {
	p.Helper()
	for {
		records, err := p.feedback.Next(p.ctx)
		p.must(err)
		for _, r := range records {
			if r.MessageID == id {
				if r.Status != status {
					p.Errorf("%s: the sender is told %q, want %q", id, r.Status, status)
				}
				return
			}
		}
	}
}

// step waits for a step of a command.
func (a *agent) step(id string, step c2d.Step) c2d.Report {
	a.Helper()
	for {
		select {
		case r := <-a.reports:
			if r.MessageID == id && r.Step == step {
				return r
			}
		case <-a.ctx.Done():
			a.Fatalf("%s: no step %s", id, step)
		}
	}
}

// result takes the next result record out of the store.
func (a *agent) result(id, outcome, body string) {
	a.Helper()
	lease, err := a.store.Next(a.ctx, store.Want{Classes: []store.Class{store.Result}})
	a.must(err)
	r := lease.Records()[0]
	if r.CorrelationID != id || r.Props["outcome"] != outcome || !strings.Contains(string(r.Body), body) {
		a.Errorf("result of %s %v: %s\nwant   of %s %s with %s", r.CorrelationID, r.Props, r.Body, id, outcome, body)
	}
	lease.Ack()
}

// noResult checks that no further result is queued.
func (a *agent) noResult() {
	a.Helper()
	if n := a.store.Stats().PerClass[store.Result].Queued; n != 0 {
		a.Errorf("%d more results", n)
	}
}

func echo(_ context.Context, a c2d.Args) (any, error) { return a.String("text"), nil }

var echoArgs = []c2d.Arg{{Name: "text", Type: "string"}}
