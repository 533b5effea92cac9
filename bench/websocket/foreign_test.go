// Package websocket has the uplink's own client side of WebSocket judged by a
// server that is not ours, github.com/coder/websocket.
package websocket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/store"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

const (
	hang   = time.Minute
	device = "gw"
)

// server takes WebSockets and passes the AMQP in them on to a hub: in messages of
// odd sizes, of one to four fragments, with a ping before some of them.
type server struct {
	*httptest.Server
	t     *testing.T
	hub   *hub.Hub
	trust *x509.CertPool

	pings  atomic.Int64
	ends   chan error           // how each WebSocket ended, as its reader saw it
	leaves chan *websocket.Conn // one whose server may close it
}

func newServer(t *testing.T) *server {
	h, err := hub.New(hub.Options{Listen: "none"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddDevice(device); err != nil {
		t.Fatal(err)
	}
	runs(t, h.Run)
	s := &server{t: t, hub: h, trust: x509.NewCertPool(), ends: make(chan error, 100), leaves: make(chan *websocket.Conn, 100)}
	s.trust.AppendCertsFromPEM(h.CAPEM())
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

// runs starts a loop that ends with the test.
func runs(t *testing.T, loop func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- loop(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/$iothub/websocket" {
		http.NotFound(w, r)
		return
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"AMQPWSB10"}})
	if err != nil {
		s.t.Errorf("accept: %v", err)
		return
	}
	c.SetReadLimit(-1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	raw, err := s.hub.Dial(ctx)
	if err != nil {
		_ = c.Close(websocket.StatusTryAgainLater, "no hub")
		return
	}
	back := tls.Client(raw, &tls.Config{ServerName: "localhost", RootCAs: s.trust})
	defer back.Close()
	go func() { _ = s.answer(ctx, c, back) }()
	s.leaves <- c
	s.ends <- ask(ctx, c, back)
	_ = c.CloseNow()
}

// ask passes on what the client says.
func ask(ctx context.Context, c *websocket.Conn, back io.Writer) error {
	for {
		kind, message, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageBinary {
			return errors.New("the client sent text")
		}
		if _, err := io.Copy(back, message); err != nil {
			return err
		}
	}
}

// answer passes on what the hub says.
func (s *server) answer(ctx context.Context, c *websocket.Conn, back io.Reader) error {
	sizes := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 70_000)
	for {
		n, err := back.Read(buf[:1+sizes.IntN(len(buf))])
		if err != nil {
			return err
		}
		if sizes.IntN(4) == 0 {
			if err := c.Ping(ctx); err != nil { // waits for the pong
				return err
			}
			s.pings.Add(1)
		}
		out, err := c.Writer(ctx, websocket.MessageBinary)
		if err != nil {
			return err
		}
		for part := buf[:n]; len(part) > 0; {
			k := min(len(part), 1+sizes.IntN(1+n/2))
			if _, err := out.Write(part[:k]); err != nil {
				return err
			}
			part = part[k:]
		}
		if err := out.Close(); err != nil {
			return err
		}
	}
}

// agent is a link and a drain over a store, which reach the hub through s.
func (s *server) agent() (*uplink.Link, *uplink.Drain, *store.Store, func()) {
	text, err := s.hub.DeviceConnectionString(device)
	if err != nil {
		s.t.Fatal(err)
	}
	cs, err := auth.ParseConnectionString(text)
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	id, err := uplink.NewIdentity(cs, roots)
	if err != nil {
		s.t.Fatal(err)
	}
	id.Addr = "example.com:443" // the certificate of httptest has this name
	now := clock.NewFake(time.Now()).Follow()
	records := store.New(store.Options{Dir: s.t.TempDir(), NoSync: true, Clock: now})
	runs(s.t, records.Run)
	drain := uplink.NewDrain(uplink.DrainOptions{Store: records, Timeline: clock.NewTimeline(now), DeviceID: func() string { return device }})
	link := uplink.NewLink(uplink.LinkOptions{
		Identity: func() (uplink.Identity, error) { return id, nil },
		Clock:    now,
		Route: uplink.Route{Transport: uplink.TransportWebSocket, DialTCP: func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
		}},
		BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
	}, drain)
	return link, drain, records, runs(s.t, link.Run)
}

func fill(t *testing.T, records *store.Store, sizes ...int) (ids []string) {
	t.Helper()
	for _, size := range sizes {
		ticket, err := records.Append(t.Context(), store.Record{ID: store.ID{Class: store.Telemetry}, Kind: store.KindTelemetry, Body: make([]byte, size)})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ticket.IDs() {
			ids = append(ids, id.String())
		}
	}
	return ids
}

func (s *server) mustHave(drain *uplink.Drain, ids []string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), hang)
	defer cancel()
	if err := drain.Drained(ctx); err != nil {
		s.t.Fatalf("not drained: %+v", drain.Stats())
	}
	there := map[string]bool{}
	for _, e := range s.hub.Events() {
		there[e.MessageID] = true
	}
	for _, id := range ids {
		if !there[id] {
			s.t.Errorf("%s is lost", id)
		}
	}
}

func TestForeignServer(t *testing.T) {
	s := newServer(t)
	link, drain, records, stop := s.agent()
	// About the borders of the three forms of a length, and of the frames of AMQP.
	var ids []string
	for _, size := range []int{0, 1, 20, 125, 126, 127, 65_000, 65_535, 65_536, 190_000} {
		ids = append(ids, fill(t, records, size)...)
		s.mustHave(drain, ids)
	}
	for n := range 400 {
		ids = append(ids, fill(t, records, n)...)
	}
	s.mustHave(drain, ids)
	if s.pings.Load() == 0 {
		t.Error("no ping was answered")
	}
	if got := link.State(); got.Connects != 1 || got.Failures != 0 {
		t.Errorf("link %+v", got)
	}

	// The server closes in order: the link is made again.
	if err := (<-s.leaves).Close(websocket.StatusGoingAway, "restart"); err != nil {
		t.Errorf("the close was not answered: %v", err)
	}
	<-s.ends
	s.mustHave(drain, append(ids, fill(t, records, 10, 20)...))

	// The client closes in order.
	stop()
	if err := <-s.ends; websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the client left with %v", err)
	}
}

// A message of text is no AMQP: the connection ends and another one is made.
func TestForeignServerThatSendsText(t *testing.T) {
	s := newServer(t)
	_, drain, records, _ := s.agent()
	ids := fill(t, records, 10)
	s.mustHave(drain, ids)
	if err := (<-s.leaves).Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	<-s.ends
	s.mustHave(drain, append(ids, fill(t, records, 10)...))
}
