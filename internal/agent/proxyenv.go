package agent

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// proxyOfEnvironment returns what HTTPS_PROXY says for addr, host:port, or nil where
// it says nothing or NO_PROXY excepts addr; upper case goes before lower. It reads
// both as net/http's ProxyFromEnvironment does, which weighs half a megabyte. Names
// are ASCII.
func proxyOfEnvironment(addr string) (*url.URL, error) {
	via := environment("HTTPS_PROXY", "https_proxy")
	if via == "" || excepted(addr, environment("NO_PROXY", "no_proxy")) {
		return nil, nil
	}
	u, err := url.Parse(via)
	if err != nil || u.Scheme == "" || u.Host == "" {
		if bare, err := url.Parse("http://" + via); err == nil {
			return bare, nil
		}
	}
	return u, err
}

func environment(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// excepted reports whether addr goes past the proxy: this machine always does, and
// what list names.
func excepted(addr, list string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	host = strings.ToLower(strings.TrimSpace(host))
	for _, entry := range strings.Split(list, ",") {
		if entry = strings.ToLower(strings.TrimSpace(entry)); entry != "" && names(entry, host, port, ip.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// names reports whether an entry of NO_PROXY is about host: "*", an address, a range
// of them, or a name, which is about all names below it too, or about these alone
// when it begins with a dot; address and name with a port or without.
func names(entry, host, port string, ip netip.Addr) bool {
	if entry == "*" {
		return true
	}
	if _, block, err := net.ParseCIDR(entry); err == nil {
		return ip.IsValid() && block.Contains(ip.AsSlice())
	}
	name, only, err := net.SplitHostPort(entry)
	if err != nil {
		name, only = entry, ""
	}
	if only != "" && only != port {
		return false
	}
	if one, err := netip.ParseAddr(name); err == nil && one.Zone() == "" {
		return one.Unmap() == ip
	}
	if strings.HasPrefix(name, "*.") {
		name = name[1:]
	}
	switch {
	case name == "", ip.IsValid():
		return false
	case name[0] == '.':
		return strings.HasSuffix(host, name)
	}
	return host == name || strings.HasSuffix(host, "."+name)
}
