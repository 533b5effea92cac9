package config

import (
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	nameRule   = "letters, digits, - and _, at most 64"
	maxName    = 64
	secretHint = "put the secret into a file of its own, mode 0600, and name that file in hub.connection_string_file"
)

// itemName accepts the names of buses, sensors and outputs.
func itemName(s string) (problem, hint string) {
	if named(s, "-_") {
		return "", ""
	}
	return quote(s) + " is not a name", nameRule
}

// commandName accepts what the sender of a command may call it.
func commandName(s string) (problem, hint string) {
	if named(s, "-_.") {
		return "", ""
	}
	return quote(s) + " is not the name of a command", ""
}

// named reports whether s is made of ASCII letters, digits and the extra bytes.
func named(s, extra string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, b := range []byte(s) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case strings.IndexByte(extra, b) >= 0:
		default:
			return false
		}
	}
	return true
}

func notEmpty(s string) (problem, hint string) {
	if strings.TrimSpace(s) == "" {
		return "is empty", ""
	}
	return "", ""
}

// lightName accepts the name of a folder of /sys/class/leds, with or without its
// path, or of a line.
func lightName(s string) (problem, hint string) {
	name := strings.TrimPrefix(s, "/sys/class/leds/")
	if name == "" || name == "." || strings.Contains(name, "/") || strings.Contains(name, "..") {
		return quote(s) + " is no LED", "such as ACT or /sys/class/leds/ACT, by ls /sys/class/leds; or a line, such as GPIO4"
	}
	return "", ""
}

// hostPort accepts "host:port" with a port number. Anything else is not shown: it
// may be a user and a password.
func hostPort(s string) (problem, hint string) {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || host == "" || n == 0 {
		return "is not host:port", "such as 192.0.2.10:5671"
	}
	return "", ""
}

// proxyURL accepts "http://host:port" and ProxyFromEnvironment. Anything else is not
// shown.
func proxyURL(s string) (problem, hint string) {
	if s == ProxyFromEnvironment {
		return "", ""
	}
	u, err := url.Parse(s)
	switch {
	case err == nil && u.User != nil, strings.Contains(s, "@"):
		return "holds a user name", "put user:password into a file of its own, mode 0600, and name that file in hub.proxy_credentials_file"
	case err == nil && u.Scheme == "https":
		return "a proxy is spoken to in clear text only, with http", "what passes through it is encrypted from here to the hub"
	case err != nil || u.Scheme != "http" || u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return "is not http://host:port", "or " + ProxyFromEnvironment
	}
	if problem, _ := hostPort(u.Host); problem != "" {
		return "is not http://host:port", "or " + ProxyFromEnvironment
	}
	return "", ""
}

// noSecret refuses a secret in the place of a file's name.
func noSecret(s string) (problem, hint string) {
	if secret(s) {
		return "holds a secret where the name of a file belongs", secretHint
	}
	return "", ""
}

// secretFile accepts the name of a file with a secret in it, and what may be a
// user and a password only as the end of a path.
func secretFile(s string) (problem, hint string) {
	if user, _, ok := strings.Cut(s, ":"); ok && !strings.Contains(user, "/") && !filepath.IsAbs(s) {
		return "may hold a secret where the name of a file belongs", "put the secret into a file of its own, mode 0600, and name that file here; a name with a colon begins with ./"
	}
	return noSecret(s)
}

// secret reports whether a text looks like a connection string, a token, a key, or a
// URL with a password.
func secret(s string) bool {
	if keyLike(s) || strings.Contains(s, "://") && strings.Contains(s, "@") {
		return true
	}
	s = strings.ToLower(s)
	return strings.Contains(s, "sharedaccess") || strings.Contains(s, "hostname=") || strings.Contains(s, "-----begin")
}

// keyLike reports whether a text looks like a key in base64, which is at least 16
// bytes and nearly always ends in "=", as no path does. Other long texts of those letters
// may be paths and names, which hardly mix all kinds.
func keyLike(s string) bool {
	bare := strings.TrimRight(s, "=")
	if strings.Trim(bare, lower+upper+digits+"+/-_") != "" {
		return false
	}
	if len(bare) < len(s) {
		return len(bare) >= 22
	}
	return len(s) >= 40 && !strings.HasPrefix(s, "/") && strings.ContainsAny(s, lower) && strings.ContainsAny(s, upper) && strings.ContainsAny(s, digits)
}

const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
