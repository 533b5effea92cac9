package auth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ConnectionString is what the portal, the az tool and "hub devices" print:
// NAME=VALUE parts joined by semicolons. It comes in three forms: of a device
// (HostName, DeviceId, SharedAccessKey), of a service (HostName,
// SharedAccessKeyName, SharedAccessKey), and of an Event Hubs compatible
// endpoint (Endpoint, SharedAccessKeyName, SharedAccessKey, EntityPath). That of
// a device may lack the key: a certificate or a token may stand elsewhere.
type ConnectionString struct {
	HostName              string // of the hub; with :PORT only for hubs that are not at 5671
	DeviceID              string // as registered: case matters
	ModuleID              string
	GatewayHostName       string // host to dial instead of HostName
	SharedAccessKeyName   string // name of the policy the key belongs to
	SharedAccessKey       Key
	SharedAccessSignature Token  // a token made elsewhere, instead of a key
	X509                  bool   // a certificate proves the device, not a key
	Endpoint              string // "sb://host/" of an Event Hubs namespace
	EntityPath            string
}

// Audience returns the resource that a token is signed for: the device or
// module, or the whole hub when no device is named.
func (c ConnectionString) Audience() string {
	return Audience(c.HostName, c.DeviceID, c.ModuleID)
}

// Audience returns "<host>/devices/<device>[/modules/<module>]" with both ids
// percent-encoded, or the host alone when device is empty.
func Audience(host, device, module string) string {
	if device == "" {
		return host
	}
	a := host + "/devices/" + url.PathEscape(device)
	if module != "" {
		a += "/modules/" + url.PathEscape(module)
	}
	return a
}

// ParseConnectionString reads one connection string; white space around it is
// ignored and the names are matched without case. The error names the part that
// is missing or bad by its name or its place, never by its value.
func ParseConnectionString(s string) (ConnectionString, error) {
	var c ConnectionString
	s = strings.TrimSpace(strings.TrimPrefix(s, "\ufeff"))
	if s == "" {
		return c, errors.New("connection string: is empty")
	}
	seen := map[string]bool{}
	for i, part := range strings.Split(strings.TrimSuffix(s, ";"), ";") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return ConnectionString{}, fmt.Errorf("connection string: part %d is not NAME=VALUE", i+1)
		}
		known, err := c.set(strings.TrimSpace(name), strings.TrimSpace(value))
		if err != nil {
			return ConnectionString{}, fmt.Errorf("connection string: %s: %w", known, err)
		}
		if known == "" {
			return ConnectionString{}, fmt.Errorf("connection string: part %d has an unknown name", i+1)
		}
		if seen[known] {
			return ConnectionString{}, fmt.Errorf("connection string: %s is there twice", known)
		}
		seen[known] = true
	}
	if err := c.check(); err != nil {
		return ConnectionString{}, fmt.Errorf("connection string: %w", err)
	}
	return c, nil
}

var errEmpty = errors.New("is empty")

// set takes one part over and returns the name as the portal spells it.
func (c *ConnectionString) set(name, value string) (known string, err error) {
	names := [...]struct {
		name string
		take func(string) error
	}{
		{"HostName", host(&c.HostName)},
		{"DeviceId", text(&c.DeviceID)},
		{"ModuleId", text(&c.ModuleID)},
		{"GatewayHostName", host(&c.GatewayHostName)},
		{"SharedAccessKeyName", text(&c.SharedAccessKeyName)},
		{"SharedAccessKey", func(v string) (err error) { c.SharedAccessKey, err = ParseKey(v); return err }},
		{"SharedAccessSignature", func(v string) (err error) { c.SharedAccessSignature, err = ParseToken(v); return err }},
		{"X509", func(v string) error { c.X509 = strings.EqualFold(v, "true"); return nil }},
		{"Endpoint", endpoint(&c.Endpoint)},
		{"EntityPath", text(&c.EntityPath)},
	}
	for _, n := range names {
		if strings.EqualFold(n.name, name) {
			if value == "" {
				return n.name, errEmpty
			}
			return n.name, n.take(value)
		}
	}
	return "", nil
}

func text(to *string) func(string) error {
	return func(v string) error {
		if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }) {
			return errors.New("contains white space or a control character")
		}
		*to = v
		return nil
	}
}

func host(to *string) func(string) error {
	return func(v string) error {
		u, err := url.Parse("amqps://" + v)
		if err != nil || u.Host != v || u.Hostname() == "" || strings.ContainsAny(v, "@ ") {
			return errors.New("is not a host name: no scheme, no path")
		}
		*to = v
		return nil
	}
}

func endpoint(to *string) func(string) error {
	return func(v string) error {
		u, err := url.Parse(v)
		if err != nil || u.Hostname() == "" || u.User != nil {
			return errors.New("is not sb://HOST/")
		}
		*to = v
		return nil
	}
}

func (c *ConnectionString) check() error {
	switch {
	case c.HostName == "" && c.Endpoint == "":
		return errors.New("HostName is missing")
	case c.HostName != "" && c.DeviceID == "" && c.SharedAccessKeyName == "":
		return errors.New("neither DeviceId nor SharedAccessKeyName is there")
	case c.DeviceID == "" && c.SharedAccessKey.IsZero() && c.SharedAccessSignature.IsZero():
		return errors.New("SharedAccessKey is missing")
	case c.ModuleID != "" && c.DeviceID == "":
		return errors.New("DeviceId is missing beside ModuleId")
	}
	return nil
}
