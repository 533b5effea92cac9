package uplink_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/store"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// atCloudPorts names the hub by the ports of the cloud, wherever it listens.
func (r *rig) atCloudPorts() {
	id := r.identity()
	id.Addr = "localhost:5671"
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
}

func TestWebSocketDrains(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.opts.Route.Transport = uplink.TransportWebSocket
	ids := r.append(200)
	big, err := r.store.Append(t.Context(), store.Record{ID: store.ID{Class: store.Telemetry}, Body: make([]byte, 150<<10)})
	if err != nil {
		t.Fatal(err)
	}
	r.start()
	r.drained()
	r.mustHave(append(ids, big.IDs()...), 0)
	s := r.link.State()
	must(t, s.Transport == uplink.TransportWebSocket && s.Connects == 1 && s.Failures == 0, "state %+v", s)
}

func TestRenewalOverWebSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	r.opts.Route.Transport = uplink.TransportWebSocket
	r.opts.TokenLife = time.Second
	r.start()
	s := r.until("two renewals", func(s uplink.LinkState) bool { return s.Renewals == 2 })
	must(t, s.Connects == 1 && s.Failures == 0, "state %+v", s)
}

func TestHalfOpenWebSocketIsNoticed(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	p := throughProxy(t, r)
	r.opts.Route.Transport = uplink.TransportWebSocket
	r.opts.IdleTimeout = time.Second
	r.start()
	r.until("the drain", func(s uplink.LinkState) bool { return s.Tenants[0].Serving })
	p.silence()
	s := r.until("another connection", func(s uplink.LinkState) bool { return s.Connects == 2 })
	must(t, s.Failures == 1, "state %+v", s)
}

// A hub without WebSocket takes the request for AMQP and hangs up.
func TestNoWebSocketIsNamed(t *testing.T) {
	r := newRig(t, hub.Options{NoWebSocket: true})
	r.opts.Route.Transport = uplink.TransportWebSocket
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, s.Cause == uplink.CauseNetwork && strings.Contains(s.LastError, "dial wss://localhost:"), "state %+v", s)
	must(t, strings.Contains(s.Hint, "no WebSocket"), "hint %q", s.Hint)
}

func TestWrongHostNameIsNamed(t *testing.T) {
	r := newRig(t, hub.Options{})
	id := r.identity()
	id.Addr = "hub.example:5671"
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	r.opts.Route.DialTCP = func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", r.hub.Addr())
	}
	for _, transport := range []string{uplink.TransportAMQP, uplink.TransportWebSocket} {
		r.opts.Route.Transport = transport
		r.start()
		s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
		must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.Hint, "another host"), "%s: %+v", transport, s)
		must(t, strings.Contains(s.LastError, "hub.example"), "%s: %s", transport, s.LastError)
		r.stop()
	}
}

// Behind a gateway its name is dialled and verified, and the token is for the hub.
func TestGatewayHostName(t *testing.T) {
	r := newRig(t, hub.Options{HostName: "hub.example"})
	text, err := r.hub.DeviceConnectionString(deviceID)
	if err != nil {
		t.Fatal(err)
	}
	cs, err := auth.ParseConnectionString(text + ";GatewayHostName=" + r.hub.Addr())
	if err != nil {
		t.Fatal(err)
	}
	id, err := uplink.NewIdentity(cs, r.identity().RootCAs)
	if err != nil {
		t.Fatal(err)
	}
	must(t, id.Addr == r.hub.Addr() && id.OpenHost == "127.0.0.1" && strings.HasPrefix(id.Host, "hub.example"), "identity %+v", id)
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	ids := r.append(3)
	r.start()
	r.drained()
	r.mustHave(ids, 0)
}

func TestProxyWithPassword(t *testing.T) {
	for _, transport := range []string{uplink.TransportAMQP, uplink.TransportWebSocket} {
		t.Run(transport, func(t *testing.T) {
			r := newRig(t, hub.Options{})
			p := newHTTPProxy(t, r.hub.Addr())
			p.answer = wants("Basic Z2F0ZXdheTpwYTpzcw==")
			r.opts.Route = uplink.Route{Transport: transport, Proxy: p.route(uplink.Proxy{Login: auth.NewLogin("gateway:pa:ss")})}
			r.atCloudPorts()
			ids := r.append(10)
			r.start()
			r.drained()
			r.mustHave(ids, 0)
			want := map[string]string{uplink.TransportAMQP: "localhost:5671", uplink.TransportWebSocket: "localhost:443"}[transport]
			must(t, slices.Equal(p.requests(), []string{want}), "asked for %v", p.requests())
		})
	}
}

// Whatever a proxy does instead of its duty, the proxy is named, and what to do.
func TestProxyFaultsAreNamed(t *testing.T) {
	const page = "Content-Type: text/html\r\nContent-Length: 26\r\n\r\n<html>please log in</html>"
	login := uplink.Proxy{Login: auth.NewLogin("user:c2VjcmV0")}
	for _, c := range []struct {
		name       string
		via        uplink.Proxy
		answer     func(net.Conn, *http.Request) bool
		says, hint string
	}{
		{"password missing", uplink.Proxy{}, wants("Basic x"), "CONNECT localhost:5671 refused: 407 Proxy Authentication Required", "set hub.proxy_credentials_file"},
		{"password wrong", login, wants("Basic x"), "407", "check hub.proxy_credentials_file"},
		{"other scheme", login, says("HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\n\r\n"), "another scheme than Basic", "by its address"},
		{"port refused", uplink.Proxy{}, says("HTTP/1.1 403 Forbidden\r\n" + page), "403 Forbidden", "allow CONNECT to localhost:5671"},
		{"hub not reached", uplink.Proxy{}, says("HTTP/1.1 502 Bad Gateway\r\n" + page), "502 Bad Gateway", "does not reach the hub"},
		{"login page elsewhere", uplink.Proxy{}, says("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n"), "302 Found", "log this network in"},
		{"login page", uplink.Proxy{}, says("HTTP/1.1 511 x\r\n" + page), "511", "log this network in"},
		{"page as answer", uplink.Proxy{}, says("HTTP/1.1 200 OK\r\n" + page), "with a web page", "no HTTP proxy"},
		{"page without a head", uplink.Proxy{}, says("<html>please log in</html>\r\n\r\n"), "no HTTP answer", "no HTTP proxy"},
		{"endless head", uplink.Proxy{}, says("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 64<<10)), "", "no HTTP proxy"},
		{"hangs", uplink.Proxy{}, says("HTTP/1.1 200"), "CONNECT localhost:5671: no answer: context deadline exceeded", "does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, hub.Options{})
			r.opts.OpTimeout = 2 * time.Second
			p := newHTTPProxy(t, r.hub.Addr())
			p.answer = c.answer
			r.opts.Route = uplink.Route{Transport: uplink.TransportAMQP, Proxy: p.route(c.via)}
			r.atCloudPorts()
			r.start()
			s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
			must(t, strings.Contains(s.LastError, "proxy "+p.ln.Addr().String()+": ") && strings.Contains(s.LastError, c.says), "error %q", s.LastError)
			must(t, s.Cause == uplink.CauseNetwork && strings.Contains(s.Hint, c.hint), "cause %s, hint %q", s.Cause, s.Hint)
			must(t, len(s.LastError) < 300 && !strings.Contains(s.LastError+s.Hint, "c2VjcmV0"), "error %q", s.LastError)
		})
	}
}

// The proxy answers 200 and puts its page where TLS should be, a moment later.
func TestProxyThatSpeaksInPlaceOfTheHub(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := newHTTPProxy(t, r.hub.Addr())
	p.answer = func(conn net.Conn, _ *http.Request) bool {
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		_, _ = conn.Read(make([]byte, 1)) // the first byte of TLS
		return says("<html>please log in</html>")(conn, nil)
	}
	r.opts.Route = uplink.Route{Transport: uplink.TransportAMQP, Proxy: p.route(uplink.Proxy{})}
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, strings.Contains(s.LastError, "proxy 127.0.0.1:") && strings.Contains(s.LastError, "not TLS"), "error %q", s.LastError)
	must(t, s.Cause == uplink.CauseNetwork && strings.Contains(s.Hint, "in place of the hub"), "cause %s, hint %q", s.Cause, s.Hint)
}

func TestUnreachableProxyIsNamed(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := newHTTPProxy(t, r.hub.Addr())
	p.ln.Close()
	r.opts.Route = uplink.Route{Proxy: p.route(uplink.Proxy{})}
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, strings.Contains(s.LastError, "proxy 127.0.0.1:") && strings.Contains(s.Hint, "the proxy is not reached"), "state %+v", s)
}

type hintedError struct{ error }

func (hintedError) Hint() string { return "chmod it" }

func TestProxyThatIsNotKnown(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.opts.Route.Proxy = func(string) (uplink.Proxy, error) {
		return uplink.Proxy{}, hintedError{errors.New("hub.proxy_credentials_file: /x: permission denied")}
	}
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, strings.Contains(s.LastError, "permission denied") && s.Hint == "chmod it" && s.Cause == uplink.CauseNetwork, "state %+v", s)
}

// A host that takes connections and says nothing, or a way on which large packets
// are lost: the name and the network are right.
func TestMuteTLSIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.opts.OpTimeout = 30 * time.Second
		r.opts.Route.Transport = uplink.TransportAMQP
		r.opts.Route.DialTCP = func(context.Context, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, server) }()
			return client, nil
		}
		r.start()
		s := r.eventually(time.Minute, "a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
		must(t, s.Cause == uplink.CauseNetwork && strings.Contains(s.Hint, "MTU"), "state %+v", s)
		r.stop()
	})
}

// The firewall lets 443 out only: auto finds the WebSocket, and finds it first
// after a restart.
func TestAutoFindsAndRemembers(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := newHTTPProxy(t, r.hub.Addr())
	p.answer = func(conn net.Conn, req *http.Request) bool {
		return strings.HasSuffix(req.Host, ":5671") && says("HTTP/1.1 403 Forbidden\r\n\r\n")(conn, req)
	}
	memory := filepath.Join(t.TempDir(), "transport")
	r.opts.Route = uplink.Route{Proxy: p.route(uplink.Proxy{}), Memory: memory}
	r.atCloudPorts()
	ids := r.append(3)
	r.start()
	r.drained()
	r.mustHave(ids, 0)
	s := r.link.State()
	must(t, s.Transport == uplink.TransportWebSocket && s.Failures == 0, "state %+v", s)
	r.stop()
	text, err := os.ReadFile(memory)
	must(t, err == nil && string(text) == "websocket\n", "memory %q, %v", text, err)
	r.start()
	r.until("online", online)
	must(t, slices.Equal(p.requests(), []string{"localhost:5671", "localhost:443", "localhost:443"}), "asked for %v", p.requests())
}

// What both ways met is said, and the hint is about the one that came further.
func TestAutoTellsBothFailures(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := newHTTPProxy(t, r.hub.Addr())
	p.answer = func(conn net.Conn, req *http.Request) bool {
		return strings.HasSuffix(req.Host, ":5671") && says("HTTP/1.1 403 Forbidden\r\n\r\n")(conn, req)
	}
	r.opts.Route.Proxy = p.route(uplink.Proxy{})
	id := r.identity()
	id.Addr = "hub.example:5671"
	r.opts.Identity = func() (uplink.Identity, error) { return id, nil }
	r.start()
	s := r.until("a failure", func(s uplink.LinkState) bool { return s.Failures > 0 })
	must(t, strings.Contains(s.LastError, "403") && strings.Contains(s.LastError, "; and dial wss://hub.example/$iothub/websocket: through proxy "), "error %q", s.LastError)
	must(t, s.Cause == uplink.CauseIdentity && strings.Contains(s.Hint, "another host"), "cause %s, hint %q", s.Cause, s.Hint)
}
