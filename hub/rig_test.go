package hub_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// rig is a hub and the way to it, with go-amqp as the peer.
type rig struct {
	testing.TB
	ctx  context.Context
	hub  *hub.Hub
	dial func() net.Conn // below TLS
}

// newRig runs a hub on a port of its own.
func newRig(t testing.TB, opts hub.Options) *rig {
	t.Helper()
	r := start(t, opts, time.Minute)
	r.dial = func() net.Conn {
		c, err := net.Dial("tcp", r.hub.Addr())
		r.must(err)
		return c
	}
	return r
}

// newMemoryRig runs a hub for a test in virtual time.
func newMemoryRig(t *testing.T, opts hub.Options) *rig {
	t.Helper()
	opts.Listen = "none"
	r := start(t, opts, 1000*time.Hour)
	r.dial = func() net.Conn {
		c, err := r.hub.Dial(r.ctx)
		r.must(err)
		return c
	}
	return r
}

func start(t testing.TB, opts hub.Options, hang time.Duration) *rig {
	t.Helper()
	h, err := hub.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	r := &rig{TB: t, hub: h}
	r.hang(hang)
	return r
}

// hang bounds what the test may wait for.
func (r *rig) hang(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	r.ctx = ctx
	r.Cleanup(cancel)
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) device(id string) {
	r.Helper()
	_, err := r.hub.AddDevice(id)
	r.must(err)
}

// tls dials and does the handshake.
func (r *rig) tls() net.Conn {
	r.Helper()
	return r.tlsOn(r.dial())
}

func (r *rig) tlsOn(nc net.Conn) net.Conn {
	r.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(r.hub.CAPEM()) {
		r.Fatal("no certificate in CAPEM")
	}
	c := tls.Client(nc, &tls.Config{RootCAs: pool, ServerName: "localhost"})
	r.must(c.HandshakeContext(r.ctx))
	return c
}

// open opens an AMQP connection; sasl nil means no SASL layer.
func (r *rig) open(sasl amqp.SASLType) (*amqp.Conn, error) {
	r.Helper()
	return r.openOn(r.tls(), sasl)
}

func (r *rig) openOn(nc net.Conn, sasl amqp.SASLType) (*amqp.Conn, error) {
	r.Helper()
	c, err := amqp.NewConn(r.ctx, nc, &amqp.ConnOptions{HostName: "localhost", SASLType: sasl})
	if err != nil {
		nc.Close()
		return nil, err
	}
	r.Cleanup(func() { c.Close() })
	return c, nil
}

// peer is one authorized connection with one session.
type peer struct {
	*rig
	conn    *amqp.Conn
	session *amqp.Session
}

func (r *rig) peer(c *amqp.Conn) *peer {
	r.Helper()
	s, err := c.NewSession(r.ctx, nil)
	r.must(err)
	return &peer{rig: r, conn: c, session: s}
}

// fields takes a connection string apart.
func fields(connectionString string) map[string]string {
	m := make(map[string]string)
	for _, f := range strings.Split(connectionString, ";") {
		name, value, _ := strings.Cut(f, "=")
		m[name] = value
	}
	return m
}

func (r *rig) deviceKey(id string) string {
	r.Helper()
	cs, err := r.hub.DeviceConnectionString(id)
	r.must(err)
	return fields(cs)["SharedAccessKey"]
}

func (r *rig) serviceKey() string { return fields(r.hub.ServiceConnectionString())["SharedAccessKey"] }

// token signs as the cloud's documentation says; policy "" leaves skn out.
func token(resource, key, policy string, expiry time.Time) string {
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		panic(err)
	}
	if strings.Contains(resource, "/fieldpost") {
		secret = []byte(key) // as Event Hubs has it
	}
	signed := fmt.Sprintf("%s\n%d", url.QueryEscape(resource), expiry.Unix())
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	sig := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	t := fmt.Sprintf("SharedAccessSignature sr=%s&sig=%s&se=%d", url.QueryEscape(resource), sig, expiry.Unix())
	if policy != "" {
		t += "&skn=" + policy
	}
	return t
}

func (r *rig) deviceToken(id string, life time.Duration) string {
	r.Helper()
	return token(r.hub.HostName()+"/devices/"+id, r.deviceKey(id), "", time.Now().Add(life))
}

func (r *rig) serviceToken(life time.Duration) string {
	return token(r.hub.HostName(), r.serviceKey(), "service", time.Now().Add(life))
}

// cbs is an open $cbs pair.
type cbs struct {
	*peer
	requests *amqp.Sender
	replies  *amqp.Receiver
}

func (p *peer) cbs() *cbs {
	p.Helper()
	s, err := p.session.NewSender(p.ctx, "$cbs", nil)
	p.must(err)
	rc, err := p.session.NewReceiver(p.ctx, "$cbs", nil)
	p.must(err)
	return &cbs{peer: p, requests: s, replies: rc}
}

func putTokenMessage(id any, kind, name string, token any) *amqp.Message {
	to, replyTo := "$cbs", "cbs"
	return &amqp.Message{
		Properties:            &amqp.MessageProperties{MessageID: id, To: &to, ReplyTo: &replyTo},
		ApplicationProperties: map[string]any{"operation": "put-token", "type": kind, "name": name},
		Value:                 token,
	}
}

// request does one exchange.
func (c *cbs) request(m *amqp.Message) (reply *amqp.Message, status int32) {
	c.Helper()
	c.must(c.requests.Send(c.ctx, m, nil))
	reply, err := c.replies.Receive(c.ctx, nil)
	c.must(err)
	c.must(c.replies.AcceptMessage(c.ctx, reply))
	status, ok := reply.ApplicationProperties["status-code"].(int32)
	if !ok {
		c.Fatalf("status-code is %T", reply.ApplicationProperties["status-code"])
	}
	return reply, status
}

func (c *cbs) put(name, token string) {
	c.Helper()
	reply, status := c.request(putTokenMessage("1", sasType, name, token))
	if status != 200 {
		c.Fatalf("put-token: %d %v", status, reply.ApplicationProperties["status-description"])
	}
}

const sasType = "servicebus.windows.net:sastoken"

// asDevice opens a connection with a device's token on $cbs.
func (r *rig) asDevice(id string) *peer {
	r.Helper()
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	p.cbs().put(r.hub.HostName()+"/devices/"+id, r.deviceToken(id, 24*time.Hour))
	return p
}

// asService opens a connection with a token of the policy service.
func (r *rig) asService() *peer {
	r.Helper()
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	p.cbs().put(r.hub.HostName(), r.serviceToken(900*time.Hour))
	return p
}

func (p *peer) sender(address string) *amqp.Sender {
	p.Helper()
	s, err := p.session.NewSender(p.ctx, address, nil)
	p.must(err)
	return s
}

func (p *peer) receiver(address string, opts *amqp.ReceiverOptions) *amqp.Receiver {
	p.Helper()
	rc, err := p.session.NewReceiver(p.ctx, address, opts)
	p.must(err)
	return rc
}

// secondMode asks for the hub's own answer to each disposition.
func secondMode(credit int32) *amqp.ReceiverOptions {
	return &amqp.ReceiverOptions{SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(), Credit: credit}
}

func telemetryAddress(id string) string   { return "/devices/" + id + "/messages/events" }
func deviceboundAddress(id string) string { return "/devices/" + id + "/messages/devicebound" }

// outcome sends and returns the true state of the delivery.
func (p *peer) outcome(s *amqp.Sender, m *amqp.Message) amqp.DeliveryState {
	p.Helper()
	receipt, err := s.SendWithReceipt(p.ctx, m, nil)
	p.must(err)
	state, err := receipt.Wait(p.ctx)
	p.must(err)
	return state
}

func (p *peer) accepted(s *amqp.Sender, m *amqp.Message) {
	p.Helper()
	if state, ok := p.outcome(s, m).(*amqp.StateAccepted); !ok {
		p.Fatalf("outcome is %#v, want accepted", state)
	}
}

func (p *peer) rejected(s *amqp.Sender, m *amqp.Message) *amqp.Error {
	p.Helper()
	state := p.outcome(s, m)
	rejected, ok := state.(*amqp.StateRejected)
	if !ok || rejected.Error == nil {
		p.Fatalf("outcome is %#v, want rejected with an error", state)
	}
	return rejected.Error
}

// condition returns the AMQP error condition in err, or "".
func condition(err error) string {
	var e *amqp.Error
	if errors.As(err, &e) {
		return string(e.Condition)
	}
	return ""
}

func (r *rig) wantCondition(err error, want string) {
	r.Helper()
	if got := condition(err); got != want {
		r.Errorf("error is %v (condition %q), want condition %q", err, got, want)
	}
}
