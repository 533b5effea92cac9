package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"fieldpost/internal/diag"
	"fieldpost/uplink"
)

// Way are the checks of the way to the hub and of what proves this device. They
// end before the hub would be told who asks, so that an agent with this identity
// keeps its connection.
func (t *Trial) Way() []Check {
	if t.agent.cfg.Hub.ConnectionStringFile == "" {
		return []Check{{"hub", time.Second, func(context.Context) Finding {
			return failed(noHub{}, "")
		}}}
	}
	return []Check{
		{"name", 15 * time.Second, t.name},
		{"way", 45 * time.Second, t.way},
		{"token", 5 * time.Second, func(context.Context) Finding { return t.token() }},
	}
}

// who is the identity, or the finding that there is none.
func (t *Trial) who() (uplink.Identity, *Finding) {
	id, err := t.agent.identity.read()
	if err != nil {
		f := skipped("no identity: "+err.Error(), "")
		return id, &f
	}
	return id, nil
}

// name looks up what is dialled first: the proxy, or the hub.
func (t *Trial) name(ctx context.Context) Finding {
	id, none := t.who()
	if none != nil {
		return *none
	}
	host, what := id.DialHost(), "hub"
	if ask := proxyOf(t.agent.cfg.Hub); ask != nil {
		via, err := ask(id.Addr)
		if err != nil {
			return failed(err, "check hub.proxy and hub.proxy_credentials_file")
		}
		if via.Addr != "" {
			host, _, _ = net.SplitHostPort(via.Addr)
			what = "proxy"
		}
	}
	if net.ParseIP(host) != nil {
		return skipped(what+" "+host+" is an address", "")
	}
	began := time.Now()
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return failed(err, "the name of the "+what+" cannot be resolved: check cable, address and DNS server")
	}
	return passed("%s %s is %s, in %d ms", what, host, strings.Join(found, ", "), time.Since(began).Milliseconds())
}

// way tries every transport that the configuration has; one is enough.
func (t *Trial) way(ctx context.Context) Finding {
	id, none := t.who()
	if none != nil {
		return *none
	}
	transports := []string{t.agent.cfg.Hub.Transport}
	if transports[0] != uplink.TransportAMQP && transports[0] != uplink.TransportWebSocket {
		transports = []string{uplink.TransportAMQP, uplink.TransportWebSocket}
	}
	route := uplink.Route{Proxy: proxyOf(t.agent.cfg.Hub)}
	var words []string
	var first error
	works := false
	for _, transport := range transports {
		one, cancel := context.WithTimeout(ctx, 20*time.Second)
		w, err := route.Try(one, id, transport, t.agent.parts.Clock, t.agent.floor.Earliest)
		cancel()
		if err != nil {
			words = append(words, transport+": "+err.Error())
			if first == nil {
				first = err
			}
			continue
		}
		works = true
		words = append(words, fmt.Sprintf("%s to %s: TCP %d ms, in all %d ms, %s, certificate of %s until %s", transport, w.Addr,
			w.TCP.Milliseconds(), w.Total.Milliseconds(), w.TLS, w.Subject, w.Ends.UTC().Format(time.DateOnly)))
	}
	if works {
		return passed("%s", strings.Join(words, "; "))
	}
	f := failed(first, "")
	f.Detail = strings.Join(words, "; ")
	return f
}

// token makes the token that the hub would be shown.
func (t *Trial) token() Finding {
	id, none := t.who()
	if none != nil {
		return *none
	}
	if !id.Certificate.IsZero() {
		if f := outOfTime(t.agent.cfg.Hub, id, t.agent.floor.Earliest.Present(t.agent.parts.Clock.Now())); f != nil {
			return failed(f, "")
		}
		return passed("%s is proven by %v", id.DeviceID, id.Certificate)
	}
	ends, err := uplink.TryToken(id, t.agent.parts.Clock, t.agent.floor.Earliest)
	if err != nil {
		return failed(err, "put a new token into hub.sas_token_file, or check the clock")
	}
	return passed("for %s, until %s", id.DeviceID, diag.Moment(ends))
}

// Admission is the check whether the hub lets this identity in. It takes the
// connection from whoever has one with this identity.
func (t *Trial) Admission() Check {
	return Check{"hub", 60 * time.Second, t.admission}
}

// tries is how many attempts an admission has: a token that is refused is made anew
// once, by another clock where there is one.
const tries = 2

func (t *Trial) admission(ctx context.Context) Finding {
	states := make(chan uplink.LinkState, 64)
	cfg, parts := t.agent.cfg.Hub, t.agent.parts
	link := uplink.NewLink(uplink.LinkOptions{
		Identity:  t.agent.identity.read,
		Route:     uplink.Route{Transport: cfg.Transport, Proxy: proxyOf(cfg)},
		Dial:      parts.Dial,
		Clock:     parts.Clock,
		Earliest:  t.agent.floor.Earliest,
		OpTimeout: 20 * time.Second,
		OnState: func(s uplink.LinkState) {
			select {
			case states <- s:
			default:
			}
		},
	})
	began := time.Now()
	running := start(ctx, link.Run)
	defer func() { _ = running.stop() }()
	for {
		select {
		case s := <-states:
			switch {
			case s.Phase == uplink.PhaseOnline:
				return passed("lets %s in over %s, after %d ms", t.agent.identity.deviceID(), s.Transport, time.Since(began).Milliseconds())
			case s.LastError != "" && (s.Failures >= tries || s.Phase == uplink.PhaseNoIdentity):
				return failed(errors.New(s.LastError), s.Hint)
			}
		case <-ctx.Done():
			return failed(ctx.Err(), "")
		}
	}
}
