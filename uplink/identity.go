package uplink

import (
	"crypto/x509"
	"errors"
	"net"

	"fieldpost/uplink/auth"
)

// amqpsPort is where IoT hubs listen for AMQP over TLS.
const amqpsPort = "5671"

// Identity is who we are and at which hub.
type Identity struct {
	Host     string         // hub: hostname of the AMQP open and first part of the audience
	Addr     string         // host:port to dial, whose host the certificate must name; default Host, port 5671
	DeviceID string         // as registered
	Key      auth.Key       // signs a new token for each connection and each renewal
	Token    auth.Token     // a token made elsewhere, used when there is no Key
	RootCAs  *x509.CertPool // authorities the hub's certificate may come from; default those of the system
}

// NewIdentity returns the identity that the connection string of a device
// stands for.
func NewIdentity(cs auth.ConnectionString, rootCAs *x509.CertPool) (Identity, error) {
	switch {
	case cs.HostName == "" || cs.DeviceID == "":
		return Identity{}, errors.New("connection string is not that of a device: HostName or DeviceId is missing")
	case cs.ModuleID != "":
		return Identity{}, errors.New("connection string is that of a module: not supported")
	case cs.SharedAccessKey.IsZero() && cs.SharedAccessSignature.IsZero():
		return Identity{}, errors.New("connection string has no SharedAccessKey: X.509 is not supported")
	}
	addr := cs.HostName
	if cs.GatewayHostName != "" {
		addr = cs.GatewayHostName
	}
	return Identity{
		Host:     cs.HostName,
		Addr:     withPort(addr),
		DeviceID: cs.DeviceID,
		Key:      cs.SharedAccessKey,
		Token:    cs.SharedAccessSignature,
		RootCAs:  rootCAs,
	}, nil
}

func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(addr, amqpsPort)
}

func (id Identity) addr() string {
	if id.Addr != "" {
		return id.Addr
	}
	return withPort(id.Host)
}

func (id Identity) audience() string { return auth.Audience(id.Host, id.DeviceID, "") }

func (id Identity) check() error {
	switch {
	case id.Host == "":
		return errors.New("identity has no host")
	case id.DeviceID == "":
		return errors.New("identity has no device id")
	case id.Key.IsZero() && id.Token.IsZero():
		return errors.New("identity has no key")
	}
	return nil
}

// samePlace reports whether a connection made for id also serves o.
func (id Identity) samePlace(o Identity) bool {
	return id.Host == o.Host && id.addr() == o.addr() && id.DeviceID == o.DeviceID
}

func (id Identity) equal(o Identity) bool {
	if !id.samePlace(o) || !id.Key.Equal(o.Key) || !id.Token.Equal(o.Token) {
		return false
	}
	if id.RootCAs == nil || o.RootCAs == nil {
		return id.RootCAs == o.RootCAs
	}
	return id.RootCAs.Equal(o.RootCAs)
}
