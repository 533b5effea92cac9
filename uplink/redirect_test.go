package uplink_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// redirector is a hub that sends every link elsewhere.
type redirector struct {
	rawHub
	info wire.Map
}

func (h *redirector) Attach(*amqpserver.Link) error {
	return &wire.Error{Condition: wire.CondLinkRedirect, Description: "elsewhere", Info: h.info}
}

// redirects is a world of two hubs: first.example sends links on, second.example
// is a real one.
type redirects struct {
	*rig
	first, second *hub.Hub
	info          wire.Map // of first.example

	mu     sync.Mutex
	dialed []string
	served sync.WaitGroup
}

func newRedirects(t *testing.T) *redirects {
	r := &redirects{rig: newRig(t, hub.Options{Listen: "none", HostName: "second.example"})}
	r.second = r.hub
	var err error
	if r.first, err = hub.New(hub.Options{Listen: "none", HostName: "first.example"}); err != nil {
		t.Fatal(err)
	}
	r.sends(wire.Map{
		wire.Symbol("hostname"): "second.example", wire.Symbol("network-host"): "192.0.2.2", wire.Symbol("port"): uint16(5671),
		wire.Symbol("address"): "amqps://second.example:5671/devices/gw-1/messages/events",
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); ln.Close(); r.served.Wait() })
	r.served.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			info := r.info
			r.mu.Unlock()
			r.served.Go(func() {
				_ = amqpserver.Serve(ctx, tls.Server(conn, r.first.TLSConfig()), amqpserver.Options{
					Handler: &redirector{info: info}, Mechanisms: []wire.Symbol{"PLAIN"},
				})
			})
		}
	})
	r.opts.Route = uplink.Route{Transport: uplink.TransportAMQP, DialTCP: func(dialing context.Context, addr string) (net.Conn, error) {
		r.mu.Lock()
		r.dialed = append(r.dialed, addr)
		r.mu.Unlock()
		switch addr {
		case "first.example:5671":
			return new(net.Dialer).DialContext(dialing, "tcp", ln.Addr().String())
		case "192.0.2.2:5671", "second.example:5671":
			return r.second.Dial(dialing)
		}
		return nil, fmt.Errorf("nobody at %s", addr)
	}}
	id := r.identity()
	id.Host, id.Addr, id.Plain = "first.example", "", true
	id.RootCAs = x509.NewCertPool()
	id.RootCAs.AppendCertsFromPEM(r.first.CAPEM())
	id.RootCAs.AppendCertsFromPEM(r.second.CAPEM())
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	return r
}

func (r *redirects) sends(info wire.Map) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info = info
}

func (r *redirects) places() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.dialed, " ")
}

// The user name and the token of SASL PLAIN, the name in TLS and that of the open
// are those of the second hub; that it is left by a redirect is no failure. When
// it fails, the first one is asked again.
func TestRedirectIsFollowed(t *testing.T) {
	r := newRedirects(t)
	ids := r.append(5)
	r.start()
	r.drained()
	r.mustHave(ids, 0)
	s := r.link.State()
	must(t, s.Connects == 2 && s.Failures == 0, "state %+v", s)
	must(t, r.places() == "first.example:5671 192.0.2.2:5671", "dialed %s", r.places())
	r.second.Cut()
	r.until("the failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	if err := r.second.Restore(); err != nil {
		t.Fatal(err)
	}
	ids = append(ids, r.append(5)...)
	r.drained()
	r.mustHave(ids, r.drain.Stats().Resent)
	must(t, strings.HasPrefix(r.places(), "first.example:5671 192.0.2.2:5671 first.example:5671"), "dialed %s", r.places())
}

// A hub may leave out what follows from the rest.
func TestRedirectByAddressAlone(t *testing.T) {
	r := newRedirects(t)
	r.sends(wire.Map{wire.Symbol("address"): "amqps://second.example/devices/gw-1/messages/events"})
	ids := r.append(1)
	r.start()
	r.drained()
	r.mustHave(ids, 0)
	must(t, r.places() == "first.example:5671 second.example:5671", "dialed %s", r.places())
}

// Two hubs that point at each other are not run between for ever.
func TestRedirectsEnd(t *testing.T) {
	r := newRedirects(t)
	r.sends(wire.Map{wire.Symbol("hostname"): "first.example"})
	r.opts.BackoffMin, r.opts.BackoffMax = time.Hour, time.Hour
	r.start()
	s := r.until("the end", func(s uplink.LinkState) bool { return s.Failures == 1 && s.Phase == uplink.PhaseWaiting })
	must(t, s.Connects == 4 && strings.Contains(s.LastError, "redirected more than 3 times"), "state %+v", s)
}

// A host that cannot prove the name it was redirected to gets no token.
func TestRedirectToAStranger(t *testing.T) {
	r := newRedirects(t)
	r.sends(wire.Map{wire.Symbol("hostname"): "third.example", wire.Symbol("network-host"): "192.0.2.2"})
	r.start()
	s := r.until("the failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.LastError, "third.example"), "state %+v", s)
}

// A token that was made elsewhere names one hub, and is shown to no other.
func TestGivenTokenIsNotRedirected(t *testing.T) {
	r := newRedirects(t)
	id, _ := r.opts.Identity()
	id.Token = id.Key.Sign(auth.Audience(id.Host, deviceID, ""), "", time.Now().Add(time.Hour))
	id.Key = auth.Key{}
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	r.start()
	s := r.until("the failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, strings.Contains(s.LastError, "not redirected to 192.0.2.2:5671"), "state %+v", s)
	must(t, !strings.Contains(r.places(), "192.0.2.2"), "dialed %s", r.places())
}

func TestSenselessRedirectIsARefusal(t *testing.T) {
	for _, info := range []wire.Map{
		nil,
		{wire.Symbol("hostname"): uint16(1), wire.Symbol("port"): "x", wire.Symbol("address"): "%"},
		{wire.Symbol("hostname"): "second.example", wire.Symbol("port"): uint32(70000)},
	} {
		r := newRedirects(t)
		r.sends(info)
		r.start()
		s := r.until("a refusal", func(s uplink.LinkState) bool { return s.Tenants[0].Restarts > 0 })
		must(t, strings.Contains(s.Tenants[0].LastError, "amqp:link:redirect") && s.Connects == 1, "%v: %+v", info, s)
		r.stop()
	}
}
