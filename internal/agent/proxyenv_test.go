package agent

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"testing"
)

// exceptions are values of NO_PROXY.
var exceptions = []string{
	"", "*", "a.example,*", " , ,", "hub.example", ".hub.example", "*.hub.example", "HUB.Example", "example", "ub.example", "*hub.example",
	"hub.example:443", "hub.example:5671", ".example:443", ":443", "other.example, hub.example", "*.", ".",
	"10.0.0.1", "10.0.0.1:443", "10.0.0.1:80", "10.0.0.0/8", "10.0.0.0/33", "192.168.0.0/16,10.1.0.0/16", "10.0.0", ".1", "1",
	"fd00::1", "[fd00::1]", "[fd00::1]:443", "[fd00::1]:80", "fd00::/8", "::ffff:10.0.0.1", "fd00::1%eth0", "http://hub.example",
}

var destinations = []string{
	"hub.example:443", "hub.example:5671", "a.hub.example:443", "HUB.EXAMPLE:443", "xhub.example:443", "example:443",
	"10.0.0.1:443", "10.1.2.3:5671", "[fd00::1]:443", "[fd00::2]:443", "[::ffff:10.0.0.1]:443",
	"localhost:443", "127.0.0.1:443", "127.8.9.1:443", "[::1]:443", "LOCALHOST:443", "localhost.example:443",
}

// TestNoProxyAsNetHTTP holds NO_PROXY to what net/http makes of it, which reads the
// environment once in a process: a child for each value.
func TestNoProxyAsNetHTTP(t *testing.T) {
	if os.Getenv("FIELDPOST_TEST_NO_PROXY") != "" {
		for _, addr := range destinations {
			u, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: addr}})
			fmt.Printf("%s %v %v\n", addr, u, err)
		}
		os.Exit(0)
	}
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	t.Setenv("https_proxy", "")
	t.Setenv("no_proxy", "")
	for _, list := range exceptions {
		t.Setenv("NO_PROXY", list)
		child := exec.Command(os.Args[0], "-test.run=^TestNoProxyAsNetHTTP$")
		child.Env = append(os.Environ(), "FIELDPOST_TEST_NO_PROXY=1")
		want, err := child.Output()
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		for _, addr := range destinations {
			u, err := proxyOfEnvironment(addr)
			fmt.Fprintf(&got, "%s %v %v\n", addr, u, err)
		}
		if got.String() != string(want) {
			t.Errorf("NO_PROXY=%q:\n%s\nnet/http:\n%s", list, got.String(), want)
		}
	}
}

func TestProxyOfEnvironment(t *testing.T) {
	for _, c := range []struct{ upper, lower, want string }{
		{"", "", "<nil>"},
		{"http://proxy.example:3128", "", "http://proxy.example:3128"},
		{"", "http://proxy.example:3128", "http://proxy.example:3128"},
		{"http://a.example", "http://b.example", "http://a.example"},
		{"proxy.example", "", "http://proxy.example"},
		{"proxy.example:3128", "", "http://proxy.example:3128"},
		{"10.0.0.1:3128", "", "http://10.0.0.1:3128"},
		{"socks5://proxy.example", "", "socks5://proxy.example"}, // refused by who asks
	} {
		t.Setenv("HTTPS_PROXY", c.upper)
		t.Setenv("https_proxy", c.lower)
		t.Setenv("NO_PROXY", "")
		t.Setenv("no_proxy", "none.example")
		if u, err := proxyOfEnvironment("hub.example:443"); fmt.Sprint(u) != c.want || err != nil {
			t.Errorf("%q, %q: %v, %v; want %s", c.upper, c.lower, u, err, c.want)
		}
		if u, err := proxyOfEnvironment("none.example:443"); u != nil || err != nil {
			t.Errorf("%q, %q: %v, %v for what no_proxy names", c.upper, c.lower, u, err)
		}
	}
}
