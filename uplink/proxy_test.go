package uplink_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy is a TCP relay that can go silent: connections stay open, and what is
// sent on them goes nowhere.
type proxy struct {
	ln     net.Listener
	target string

	mu    sync.Mutex
	conns []*pair
	wg    sync.WaitGroup
}

type pair struct {
	client, server net.Conn
	mu             sync.Mutex
	swallow        bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, target: target}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		ln.Close()
		p.each(func(c *pair) {
			c.client.Close()
			c.server.Close()
		})
		p.wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		c := &pair{client: client, server: server}
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		p.wg.Go(func() { c.copy(server, client) })
		p.wg.Go(func() { c.copy(client, server) })
	}
}

func (c *pair) copy(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		c.mu.Lock()
		swallow := c.swallow
		c.mu.Unlock()
		if err != nil {
			if !swallow {
				to.Close()
			}
			return
		}
		if swallow {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			_, _ = io.Copy(io.Discard, from)
			return
		}
	}
}

func (p *proxy) each(f func(*pair)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		f(c)
	}
}

// silence swallows everything on the connections that are open now.
func (p *proxy) silence() {
	p.each(func(c *pair) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.swallow = true
	})
}
