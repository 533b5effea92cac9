package c2d_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/c2d"
	"fieldpost/hub"
	"fieldpost/internal/service"
	"fieldpost/uplink/auth"
)

func TestHubOutcomes(t *testing.T) {
	p := newPost(t, hub.Options{})
	a := p.agent(c2d.Options{}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})

	id := p.send("", "echo", `{"text":"hello"}`)
	p.told(id, service.StatusSuccess)
	a.result(id, "completed", `{"result":"hello"}`)

	id = p.send("", "", `{"command":"echo","args":{"text":"again"}}`)
	p.told(id, service.StatusSuccess)
	a.result(id, "completed", `{"result":"again"}`)

	id = p.send("", "ecko", "")
	p.told(id, service.StatusRejected)
	a.result(id, "rejected", "did you mean")

	id = p.send("", "echo", "\xff noise")
	p.told(id, service.StatusRejected)
	a.result(id, "rejected", c2d.ConditionDecode)

	id = p.send("cmd-1", "echo", `{"text":"hello"}`)
	p.told(id, service.StatusSuccess)
	a.noResult()
	if s := a.loop.Stats(); s.Completed != 2 || s.Rejected != 2 || s.Again != 1 || s.Unsettled != 0 {
		t.Errorf("stats = %+v", s)
	}
}

func TestHubBusy(t *testing.T) {
	p := newPost(t, hub.Options{RedeliverAfter: 10 * time.Millisecond})
	a := p.agent(c2d.Options{Hold: 50 * time.Millisecond}, c2d.Action{Name: "move", Run: echo,
		Ready: func(c2d.Args) error { return &c2d.BusyError{Reason: "the valve is moving"} }})
	id := p.send("", "move", "")
	for i := range 2 {
		if r := a.step(id, c2d.StepSettle); r.Outcome != "abandoned" || r.DeliveryCount != i {
			t.Errorf("settlement %d: %+v", i, r)
		}
	}
	p.told(id, service.StatusRejected)
	a.result(id, "rejected", "the valve is moving (given back 2 times before)")
	a.noResult()
}

// The connection is cut while a command runs. It ends in the journal and is
// settled when the hub delivers it again.
func TestHubCut(t *testing.T) {
	p := newPost(t, hub.Options{LockFor: time.Second})
	goOn, ran := make(chan struct{}), 0
	a := p.agent(c2d.Options{}, c2d.Action{Name: "move", Run: func(context.Context, c2d.Args) (any, error) {
		ran++
		<-goOn
		return "moved", nil
	}})
	id := p.send("", "move", "")
	a.step(id, c2d.StepExecute)
	p.hub.Cut()
	close(goOn)
	if r := a.step(id, c2d.StepSettle); r.Err == nil {
		t.Errorf("settled over a link that was cut: %+v", r)
	}
	p.must(p.hub.Restore())
	p.dial()
	p.told(id, service.StatusSuccess)
	a.result(id, "completed", "moved")
	a.noResult()
	if ran != 1 {
		t.Errorf("ran %d times", ran)
	}
}

// The lock runs out while a command runs.
func TestHubLockLost(t *testing.T) {
	p := newPost(t, hub.Options{LockFor: 200 * time.Millisecond})
	goOn, ran := make(chan struct{}), 0
	a := p.agent(c2d.Options{}, c2d.Action{Name: "move", Run: func(context.Context, c2d.Args) (any, error) {
		ran++
		<-goOn
		return "moved", nil
	}})
	id := p.send("", "move", "")
	a.step(id, c2d.StepReceive)
	a.step(id, c2d.StepReceive)
	close(goOn)
	p.told(id, service.StatusSuccess)
	a.result(id, "completed", "moved")
	a.noResult()
	if ran != 1 {
		t.Errorf("ran %d times", ran)
	}
}

// The agent ends while a command runs, and another one starts.
func TestHubRestart(t *testing.T) {
	for _, repeat := range []c2d.Repeat{c2d.Once, c2d.Repeatable} {
		t.Run(repeat.String(), func(t *testing.T) {
			p := newPost(t, hub.Options{LockFor: 500 * time.Millisecond})
			hang := make(chan struct{})
			defer close(hang)
			move := c2d.Action{Name: "move", Repeat: repeat, Run: func(context.Context, c2d.Args) (any, error) { <-hang; return nil, nil }}
			a := p.agent(c2d.Options{}, move)
			id := p.send("", "move", "")
			a.step(id, c2d.StepExecute)
			a.kill()
			move.Run = echo
			b := p.agent(c2d.Options{}, move)
			if repeat == c2d.Once {
				p.told(id, service.StatusRejected)
				b.result(id, "rejected", c2d.ConditionInterrupted)
			} else {
				p.told(id, service.StatusSuccess)
				b.result(id, "completed", "")
			}
			b.noResult()
		})
	}
}

// The agent ends at a point of a command that may happen once: whatever was reached,
// there is one outcome, one result, and one effect at most. Before the command is
// begun nothing is left of it.
func TestHubEndsAtEachPoint(t *testing.T) {
	for _, tt := range []struct {
		dies    c2d.Point
		status  string
		result  string
		effects int
	}{
		{c2d.PointBegun, service.StatusRejected, "rejected", 0},
		{c2d.PointEffectBegun, service.StatusRejected, "rejected", 0},
		{c2d.PointEffectDone, service.StatusRejected, "rejected", 1},
		{c2d.PointFinished, service.StatusSuccess, "completed", 1},
		{c2d.PointSettled, service.StatusSuccess, "completed", 1},
	} {
		t.Run(string(tt.dies), func(t *testing.T) {
			p := newPost(t, hub.Options{LockFor: 500 * time.Millisecond})
			var effects atomic.Int32
			move := c2d.Action{Name: "move", Run: func(context.Context, c2d.Args) (any, error) { effects.Add(1); return "moved", nil }}
			died, hang := make(chan struct{}), make(chan struct{})
			defer close(hang)
			a := p.agent(c2d.Options{Failpoint: func(at c2d.Point, _ string) {
				if at == tt.dies {
					close(died)
					<-hang // nothing more comes of this life
				}
			}}, move)
			id := p.send("", "move", "")
			<-died
			a.kill()
			b := p.agent(c2d.Options{}, move)
			p.told(id, tt.status)
			b.result(id, tt.result, "")
			b.noResult()
			if n := int(effects.Load()); n != tt.effects {
				t.Errorf("%d effects, want %d", n, tt.effects)
			}
		})
	}
}

// A command whose effect ends the agent is settled first; the next start proves it
// and writes the one result. The link may be lost at any point of it.
func TestHubPromise(t *testing.T) {
	for _, dies := range []c2d.Point{c2d.PointBegun, c2d.PointFinished, c2d.PointSettled} {
		t.Run(string(dies), func(t *testing.T) {
			p := newPost(t, hub.Options{LockFor: 500 * time.Millisecond})
			life, effects := 1, 0
			died := make(chan struct{})
			leave := func() c2d.Result {
				return c2d.Result{Due: fmt.Sprint(life), AfterSettle: func() error { effects++; return nil }}
			}
			restart := c2d.Action{Name: "restart", Repeat: c2d.Resumable,
				Resume: func(context.Context, c2d.Args) (bool, any, error) { return false, nil, nil },
				Run:    func(context.Context, c2d.Args) (any, error) { return leave(), nil },
				Prove: func(note string) c2d.Result {
					if note == fmt.Sprint(life) {
						return leave()
					}
					return c2d.Result{Value: note + " then " + fmt.Sprint(life)}
				}}
			hang := make(chan struct{})
			defer close(hang)
			a := p.agent(c2d.Options{Failpoint: func(at c2d.Point, _ string) {
				if at == dies {
					close(died)
					<-hang // nothing more comes of this life
				}
			}}, restart)
			id := p.send("", "restart", "")
			<-died
			a.kill()
			b := p.agent(c2d.Options{}, restart)
			p.told(id, service.StatusSuccess)
			if dies == c2d.PointBegun {
				// It ran in the second life, and its proof is the third's.
				b.step(id, c2d.StepSettle)
				b.noResult()
				b.kill()
			} else {
				// The first life had the effect, as far as the second can tell from
				// its number.
				b.kill()
			}
			life++
			c := p.agent(c2d.Options{}, restart)
			c.must(c.loop.Recover(p.ctx))
			c.result(id, "completed", "1 then 2")
			c.noResult()
			if want := map[bool]int{true: 1, false: 0}[dies == c2d.PointBegun]; effects != want {
				t.Errorf("%d effects, want %d", effects, want)
			}
		})
	}
}

// What foreign senders put into a message: a body that is an AMQP value, split
// data sections, a UUID as message-id, or none.
func TestHubForeignSenders(t *testing.T) {
	p := newPost(t, hub.Options{})
	a := p.agent(c2d.Options{}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
	cs, err := auth.ParseConnectionString(p.hub.ServiceConnectionString())
	p.must(err)
	nc, err := tls.Dial("tcp", p.hub.Addr(), &tls.Config{RootCAs: p.roots, ServerName: "localhost"})
	p.must(err)
	conn, err := amqp.NewConn(p.ctx, nc, &amqp.ConnOptions{HostName: "localhost"})
	p.must(err)
	defer conn.Close()
	token := cs.SharedAccessKey.Sign(cs.HostName, cs.SharedAccessKeyName, time.Now().Add(time.Hour))
	p.must(auth.PutToken(p.ctx, conn, cs.HostName, token))
	session, err := conn.NewSession(p.ctx, nil)
	p.must(err)
	sender, err := session.NewSender(p.ctx, "/messages/devicebound", nil)
	p.must(err)
	to := "/devices/pump%25%237/messages/devicebound"
	tests := []struct {
		name string
		id   any
		want string
		m    amqp.Message
	}{
		{"string value", "v1", "v1", amqp.Message{Value: `{"text":"x"}`}},
		{"binary value", "v2", "v2", amqp.Message{Value: []byte(`{"text":"x"}`)}},
		{"data sections", "v3", "v3", amqp.Message{Data: [][]byte{[]byte(`{"te`), []byte(`xt":"x"}`)}}},
		{"uuid", amqp.UUID{15: 7}, "00000000-0000-0000-0000-000000000007", amqp.Message{Value: `{"text":"x"}`}},
		{"ulong", uint64(12), "12", amqp.Message{Value: `{"text":"x"}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.m.Properties = &amqp.MessageProperties{MessageID: tt.id, To: &to}
			tt.m.ApplicationProperties = map[string]any{"command": "echo"}
			p.must(sender.Send(p.ctx, &tt.m, nil))
			if r := a.step(tt.want, c2d.StepSettle); r.Outcome != "completed" || r.Err != nil {
				t.Errorf("%+v", r)
			}
			a.result(tt.want, "completed", `"x"`)
		})
	}
	t.Run("no message-id", func(t *testing.T) {
		p.must(sender.Send(p.ctx, &amqp.Message{Properties: &amqp.MessageProperties{To: &to},
			ApplicationProperties: map[string]any{"command": "echo"}}, nil))
		for {
			select {
			case r := <-a.reports:
				if r.Step != c2d.StepSettle {
					continue
				}
				if r.Outcome != "completed" || !strings.HasPrefix(r.MessageID, "devicebound-") {
					t.Errorf("%+v", r)
				}
				a.result(r.MessageID, "completed", `""`)
				return
			case <-p.ctx.Done():
				t.Fatal("not settled")
			}
		}
	})
}
