package uplink

import (
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"fieldpost/uplink/auth"
)

// amqpsPort is where IoT hubs listen for AMQP over TLS.
const amqpsPort = "5671"

// Identity is who we are and at which hub. It is proven by the first of these
// that is there: Certificate, Key, Token.
type Identity struct {
	Host        string           // hub: first part of the audience
	OpenHost    string           // hostname of the AMQP open; default Host
	Addr        string           // host:port to dial, whose host the certificate of the hub must name; default Host, port 5671
	DeviceID    string           // as registered
	Certificate auth.Certificate // presented in the TLS handshake; no token is needed then
	Key         auth.Key         // signs a new token for each connection and each renewal
	Token       auth.Token       // a token made elsewhere
	Plain       bool             // the token goes into SASL PLAIN, once for each connection; default false: to $cbs, where it is renewed
	RootCAs     *x509.CertPool   // authorities the hub's certificate may come from; default those of the system

	serverName string // the certificate of the hub must name this instead of Addr's host
}

// NewIdentity returns the identity that the connection string of a device
// stands for. It may lack a proof, which Identity.Certificate or Identity.Token
// then has to be. Behind a gateway the audience stays the hub's, everything else
// is the gateway's.
func NewIdentity(cs auth.ConnectionString, rootCAs *x509.CertPool) (Identity, error) {
	switch {
	case cs.HostName == "" || cs.DeviceID == "":
		return Identity{}, errors.New("connection string is not that of a device: HostName or DeviceId is missing")
	case cs.ModuleID != "":
		return Identity{}, errors.New("connection string is that of a module: not supported")
	}
	id := Identity{
		Host:     cs.HostName,
		Addr:     withPort(cs.HostName),
		DeviceID: cs.DeviceID,
		Key:      cs.SharedAccessKey,
		Token:    cs.SharedAccessSignature,
		RootCAs:  rootCAs,
	}
	if g := cs.GatewayHostName; g != "" {
		id.Addr = withPort(g)
		id.OpenHost, _, _ = net.SplitHostPort(id.Addr)
	}
	return id, nil
}

// Via returns the identity as it is dialled at addr, host:port. What answers there
// must have the certificate of the host that would have been dialled.
func (id Identity) Via(addr string) Identity {
	id.Addr, id.serverName = addr, id.tlsName()
	return id
}

func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), amqpsPort)
}

func (id Identity) addr() string {
	if id.Addr != "" {
		return id.Addr
	}
	return withPort(id.Host)
}

func (id Identity) openHost() string {
	if id.OpenHost != "" {
		return id.OpenHost
	}
	return id.Host
}

// tlsName is the name that the certificate of the hub must have.
func (id Identity) tlsName() string {
	if id.serverName != "" {
		return id.serverName
	}
	host, _, _ := net.SplitHostPort(id.addr())
	return host
}

func (id Identity) audience() string { return auth.Audience(id.Host, id.DeviceID, "") }

// plainUser is the user name of a device in SASL PLAIN, where a hub goes by the
// first label of its name.
func (id Identity) plainUser() string {
	hub, _, _ := strings.Cut(id.Host, ":")
	hub, _, _ = strings.Cut(hub, ".")
	return id.DeviceID + "@sas." + hub
}

// proof is how an identity is proven.
type proof byte

const (
	proofCBS         proof = iota // a token at $cbs, renewed while the connection lives
	proofPlain                    // a token in SASL PLAIN, for one connection
	proofCertificate              // a certificate in the TLS handshake
)

func (id Identity) proof() proof {
	switch {
	case !id.Certificate.IsZero():
		return proofCertificate
	case id.Plain:
		return proofPlain
	default:
		return proofCBS
	}
}

func (id Identity) check() error {
	switch {
	case id.Host == "":
		return errors.New("identity has no host")
	case id.DeviceID == "":
		return errors.New("identity has no device id")
	case id.Certificate.IsZero() && id.Key.IsZero() && id.Token.IsZero():
		return errors.New("identity has no key, certificate or token")
	}
	return nil
}

// samePlace reports whether a connection made for id also serves o.
func (id Identity) samePlace(o Identity) bool {
	return id.Host == o.Host && id.openHost() == o.openHost() && id.addr() == o.addr() && id.DeviceID == o.DeviceID &&
		id.proof() == o.proof() && id.Certificate.Equal(o.Certificate)
}

// sameToken reports whether a token made for id is also one for o.
func (id Identity) sameToken(o Identity) bool { return id.Key.Equal(o.Key) && id.Token.Equal(o.Token) }

func (id Identity) equal(o Identity) bool {
	if !id.samePlace(o) || !id.sameToken(o) {
		return false
	}
	if id.RootCAs == nil || o.RootCAs == nil {
		return id.RootCAs == o.RootCAs
	}
	return id.RootCAs.Equal(o.RootCAs)
}
