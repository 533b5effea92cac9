package uplink_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"fieldpost/uplink"
)

// httpProxy is an HTTP proxy for CONNECT. Wherever it is asked to go, its tunnels
// end at target.
type httpProxy struct {
	ln     net.Listener
	target string

	// answer writes something in place of a tunnel and reports true, or reports
	// false for a tunnel.
	answer func(conn net.Conn, req *http.Request) bool

	mu    sync.Mutex
	asked []string // host:port of each CONNECT
	conns []net.Conn
	wg    sync.WaitGroup
}

func newHTTPProxy(t testing.TB, target string) *httpProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &httpProxy{ln: ln, target: target, answer: func(net.Conn, *http.Request) bool { return false }}
	p.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.keep(conn)
			p.wg.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *httpProxy) keep(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conn)
}

func (p *httpProxy) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	req, err := http.ReadRequest(in)
	if err != nil || req.Method != http.MethodConnect {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, req.Host)
	p.mu.Unlock()
	if p.answer(conn, req) {
		// A proxy that closes at once would lose its answer to a reset.
		_, _ = io.Copy(io.Discard, in)
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	defer server.Close()
	p.keep(server)
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	p.wg.Go(func() {
		_, _ = io.Copy(server, in)
		server.Close()
	})
	_, _ = io.Copy(conn, server)
}

func (p *httpProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

// route sends everything through the proxy.
func (p *httpProxy) route(via uplink.Proxy) func(string) (uplink.Proxy, error) {
	via.Addr = p.ln.Addr().String()
	return func(string) (uplink.Proxy, error) { return via, nil }
}

// says answers every CONNECT with text.
func says(text string) func(net.Conn, *http.Request) bool {
	return func(conn net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(conn, text)
		return true
	}
}

// wants answers 407 to everyone without this header.
func wants(authorization string) func(net.Conn, *http.Request) bool {
	return func(conn net.Conn, req *http.Request) bool {
		if req.Header.Get("Proxy-Authorization") == authorization {
			return false
		}
		return says("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")(conn, req)
	}
}
