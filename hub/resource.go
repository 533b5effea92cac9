package hub

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// entityName is the Event Hubs entity that carries the telemetry of the hub.
const entityName = "fieldpost"

// Ports that need not be written.
const (
	amqpsPort = 5671
	httpsPort = 443
)

// hostNames are the names the hub answers to in audiences.
type hostNames struct {
	host string
	port int // 0 in memory
}

func newHostNames(host string, port int) hostNames { return hostNames{host: host, port: port} }

// public returns the name that stands in connection strings.
func (n hostNames) public() string { return n.at(amqpsPort) }

// at returns the host, with the port unless that is the usual one.
func (n hostNames) at(usual int) string {
	if n.port == usual || n.port == 0 {
		return n.host
	}
	return net.JoinHostPort(n.host, strconv.Itoa(n.port))
}

// hub returns the hub name, the first label of the host name.
func (n hostNames) hub() string {
	if net.ParseIP(n.host) != nil {
		return n.host
	}
	label, _, _ := strings.Cut(n.host, ".")
	return label
}

// owns reports whether host, with or without a port, is this hub.
func (n hostNames) owns(host string) bool {
	if h, port, err := net.SplitHostPort(host); err == nil {
		if p, err := strconv.Atoi(port); err != nil || p != n.port && p != amqpsPort {
			return false
		}
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	for _, own := range []string{n.host, "localhost", "127.0.0.1", "::1"} {
		if strings.EqualFold(host, own) {
			return true
		}
	}
	return false
}

// resource is what a token or a link is about: the segments of its path below
// the hub, none for the hub itself.
type resource []string

// isEntity reports whether r is the entity or below it.
func (r resource) isEntity() bool { return len(r) > 0 && strings.EqualFold(r[0], entityName) }

// parseAudience reads the resource URI of a token, or the audience of a
// put-token: a host with or without a port and a path, with or without one of
// the schemes amqps, amqp, sb and https; percent-encoded as a whole or not. It
// fails when the host is not this hub.
func (n hostNames) parseAudience(s string) (resource, bool) {
	if !strings.Contains(s, "/") {
		decoded, err := url.PathUnescape(s)
		if err != nil {
			return nil, false
		}
		s = decoded
	}
	host, path, _ := strings.Cut(trimScheme(s), "/")
	if !n.owns(host) {
		return nil, false
	}
	return splitPath(path), true
}

// trimScheme cuts a scheme off s. Only those four count: a device id may
// hold anything.
func trimScheme(s string) string {
	for _, scheme := range []string{"amqps://", "amqp://", "sb://", "https://"} {
		if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			return s[len(scheme):]
		}
	}
	return s
}

func splitPath(path string) resource {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// deviceID returns the device a resource belongs to, or "".
func (r resource) deviceID() string {
	if len(r) >= 2 && strings.EqualFold(r[0], "devices") {
		return r[1]
	}
	return ""
}

// moduleID returns the module a resource belongs to, or "".
func (r resource) moduleID() string {
	if r.deviceID() != "" && len(r) >= 4 && strings.EqualFold(r[2], "modules") {
		return r[3]
	}
	return ""
}

// identity returns the name of the device or module a resource belongs to, or "".
func (r resource) identity() string { return identityName(r.deviceID(), r.moduleID()) }

// isOf reports whether r belongs to one identity.
func (r resource) isOf(d *device) bool { return r.deviceID() == d.id && r.moduleID() == d.module }

// covers reports whether r is of or above. Whole segments count, and only the
// identifiers of a device and a module mind their case.
func (r resource) covers(of resource) bool {
	if len(r) > len(of) {
		return false
	}
	for i, segment := range r {
		same := strings.EqualFold(segment, of[i])
		if i == 1 && r.deviceID() != "" || i == 3 && r.moduleID() != "" {
			same = segment == of[i]
		}
		if !same {
			return false
		}
	}
	return true
}

// unescape decodes what can be decoded and leaves the rest.
func unescape(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}
