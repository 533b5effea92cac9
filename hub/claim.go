package hub

import "time"

// claim is a verified token or certificate: until ends, the holder may do rights
// with what resource covers.
type claim struct {
	resource resource
	rights   right
	ends     time.Time // expiry and clock skew; zero means never
	policy   string
	x509     bool    // a certificate, not a token
	device   *device // whose own key or certificate it is; nil for a policy's
}

// allows reports whether the claim gives need on res at this
// moment of the hub's clock. The token
// of a removed device says nothing about another of the same name, and a
// device's own key does not speak for its modules.
func (c *claim) allows(res resource, need right, now time.Time) bool {
	if c.device != nil && (c.device.removed.Load() || !res.isOf(c.device)) {
		return false
	}
	return c.rights&need != 0 && c.resource.covers(res) && (c.ends.IsZero() || now.Before(c.ends))
}

// method is what the hub says about the claim in the messages of its holder.
func (c *claim) method() string {
	scope, kind := "hub", "sas"
	switch {
	case c.device != nil && c.device.module != "":
		scope = "module"
	case c.device != nil:
		scope = "device"
	}
	if c.x509 {
		kind = "x509"
	}
	return `{"scope":"` + scope + `","type":"` + kind + `","issuer":"iothub","acceptingIpFilterRule":null}`
}

// barredError is why an identity must not connect, in the cloud's words.
type barredError struct{ name, hub, why string }

func (e *barredError) Error() string {
	return "Device " + e.name + " at IotHub " + e.hub + " " + e.why
}
