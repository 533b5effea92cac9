package uplink

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"fieldpost/internal/http1"
	"fieldpost/uplink/auth"
)

// maxProxyHead bounds what a proxy may say before the tunnel is open, in bytes.
const maxProxyHead = 16 << 10

// Proxy is an HTTP proxy that opens tunnels with CONNECT. Source: RFC 9110
// section 9.3.6.
type Proxy struct {
	Addr  string     // host:port, spoken to in clear text
	Login auth.Login // sent with the Basic scheme; zero = none
}

// fault says that the proxy gave us no tunnel. Being refused for who we are is
// nothing that goes away.
func (p Proxy) fault(err error, refused bool, hint string) error {
	return &explained{fmt.Errorf("proxy %s: %w", p.Addr, err), diagnosis{cause: CauseNetwork, hint: hint, refused: refused}}
}

const strangeProxy = "what answers there is no HTTP proxy, or a login page is in between: check hub.proxy"

// dial opens a tunnel to addr.
func (p Proxy) dial(ctx context.Context, tcp func(context.Context, string) (net.Conn, error), addr string) (net.Conn, error) {
	conn, err := tcp(ctx, p.Addr)
	if err != nil {
		return nil, p.fault(err, false, "the proxy is not reached: check hub.proxy, and that the proxy runs")
	}
	err = heed(ctx, conn, func() error { return p.connect(conn, addr) })
	if errors.Is(err, errUnheard) {
		err = p.fault(fmt.Errorf("CONNECT %s: %w", addr, err), false,
			"the proxy takes connections and does not answer: check that hub.proxy names an HTTP proxy, and its log")
	}
	if err != nil {
		cut(conn)
		return nil, err
	}
	return conn, nil
}

func (p Proxy) connect(conn net.Conn, addr string) error {
	req := http1.Request{Method: http1.MethodConnect, Target: addr, Host: addr, Header: http1.Header{"User-Agent": {"fieldpost"}}}
	if !p.Login.IsZero() {
		req.Header.Set("Proxy-Authorization", p.Login.Basic())
	}
	if err := req.Write(conn); err != nil {
		return p.fault(fmt.Errorf("send CONNECT %s: %w", addr, err), false, strangeProxy)
	}
	head := bufio.NewReader(io.LimitReader(conn, maxProxyHead))
	resp, err := http1.ReadResponse(head, req.Method)
	var broken *net.OpError
	switch {
	case errors.As(err, &broken):
		return p.fault(fmt.Errorf("no answer to CONNECT %s: %w", addr, err), false, strangeProxy)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return p.fault(fmt.Errorf("closed the connection instead of answering CONNECT %s", addr), false, strangeProxy)
	case err != nil:
		// What it said instead may be anything, of any length.
		return p.fault(fmt.Errorf("no HTTP answer to CONNECT %s", addr), false, strangeProxy)
	case resp.Status/100 != 2:
		return p.refused(resp, addr)
	case head.Buffered() > 0:
		// TLS servers wait to be spoken to.
		return p.fault(fmt.Errorf("answered CONNECT %s with %s", addr, content(resp)), false, strangeProxy)
	}
	return nil
}

// refused explains a status other than 2xx.
func (p Proxy) refused(resp *http1.Response, addr string) error {
	code := resp.Status
	err := errors.New(strings.TrimSpace(fmt.Sprintf("CONNECT %s refused: %d %s", addr, code, http1.StatusText(code))))
	switch {
	case code == http1.StatusProxyAuthRequired && !basic(resp):
		return p.fault(fmt.Errorf("%w, by another scheme than Basic", err), true,
			"only the Basic scheme is spoken here: have the proxy let this gateway through by its address")
	case code == http1.StatusProxyAuthRequired && p.Login.IsZero():
		return p.fault(err, true, "the proxy wants a name and a password: set hub.proxy_credentials_file")
	case code == http1.StatusProxyAuthRequired:
		return p.fault(err, true, "the proxy does not take this name and password: check hub.proxy_credentials_file")
	case code/100 == 3, code == http1.StatusNetworkAuthenticationRequired:
		return p.fault(err, false, "a login page is in the way: somebody has to log this network in")
	case code >= 500:
		return p.fault(err, false, "the proxy does not reach the hub: its DNS or the way behind it")
	default:
		return p.fault(err, false, "have the proxy allow CONNECT to "+addr+"; many allow port 443 only, which transport websocket uses")
	}
}

// basic reports whether a 407 offers the Basic scheme, or none by name.
func basic(resp *http1.Response) bool {
	offers := resp.Header.Values("Proxy-Authenticate")
	for _, o := range offers {
		if strings.HasPrefix(strings.ToLower(o), "basic") || strings.Contains(strings.ToLower(o), ", basic ") {
			return true
		}
	}
	return len(offers) == 0
}

// content names what a body is said to be.
func content(resp *http1.Response) string {
	if strings.Contains(strings.ToLower(resp.Header.Get("Content-Type")), "html") {
		return "a web page"
	}
	return "data of its own"
}

// explain names the proxy in an error of what was done through it.
func (p Proxy) explain(err error) error {
	var record tls.RecordHeaderError
	switch {
	case p.Addr == "":
		return err
	case errors.As(err, &record):
		return p.fault(fmt.Errorf("what comes through is not TLS: %w", err), false,
			"the proxy answers in place of the hub: check hub.proxy, and for a login page")
	default:
		return fmt.Errorf("through proxy %s: %w", p.Addr, err)
	}
}
