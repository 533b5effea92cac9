package uplink_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
	"fieldpost/uplink"
)

// A hub that takes the connection and both links of $cbs, and says nothing to the
// token: the attempt ends at its deadline, and the hub is to blame.
func TestUnansweredTokenEndsTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.opts.OpTimeout, r.opts.BackoffMin, r.opts.BackoffMax = 30*time.Second, time.Hour, time.Hour
		var served sync.WaitGroup
		r.opts.Dial = func(context.Context, uplink.Identity) (net.Conn, error) {
			client, server := net.Pipe()
			served.Go(func() {
				_ = amqpserver.Serve(context.Background(), server, amqpserver.Options{
					Handler: &rawHub{credit: 10}, Mechanisms: []wire.Symbol{"ANONYMOUS"},
				})
			})
			return client, nil
		}
		ids := r.append(1)
		r.start()
		time.Sleep(31 * time.Second)
		s := r.link.State()
		must(t, s.Failures == 1 && s.Cause == uplink.CauseHub && strings.Contains(s.LastError, "$cbs"), "state %+v", s)
		must(t, strings.Contains(s.Hint, "does not answer a token"), "hint %q, error %q", s.Hint, s.LastError)
		must(t, telemetryStats(r.store).Queued == uint64(len(ids)), "store %+v", telemetryStats(r.store))
		r.stop()
		served.Wait()
	})
}

func tlsOver(conn net.Conn, id uplink.Identity) net.Conn {
	return tls.Client(conn, &tls.Config{ServerName: "localhost", RootCAs: id.RootCAs})
}

// stuckConn is a connection whose Close returns only when the one below it is cut.
type stuckConn struct {
	net.Conn
	below *cutConn
}

type cutConn struct {
	net.Conn
	once sync.Once
	cut  chan struct{}
}

func (c *cutConn) Close() error {
	c.once.Do(func() { close(c.cut) })
	return c.Conn.Close()
}

func (c *stuckConn) NetConn() net.Conn { return c.below }

func (c *stuckConn) Close() error {
	<-c.below.cut
	return nil
}

// A close that never returns is cut: a stop does not wait for it.
func TestStuckCloseIsCut(t *testing.T) {
	t.Parallel()
	r := newRig(t, hub.Options{})
	r.opts.Dial = func(ctx context.Context, id uplink.Identity) (net.Conn, error) {
		raw, err := new(net.Dialer).DialContext(ctx, "tcp", r.hub.Addr())
		if err != nil {
			return nil, err
		}
		below := &cutConn{Conn: raw, cut: make(chan struct{})}
		return &stuckConn{Conn: tlsOver(below, id), below: below}, nil
	}
	ids := r.append(1)
	r.start()
	r.drained()
	r.mustHave(ids, 0)
	r.stop()
}
