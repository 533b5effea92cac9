package hub_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// identity is a certificate with its key, and who signed it.
type identity struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	chain [][]byte
}

// issue makes a certificate; by nil signs itself.
func (r *rig) issue(name string, by *identity, change func(*x509.Certificate)) *identity {
	r.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.must(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	r.must(err)
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	r.must(err)
	cert, err := x509.ParseCertificate(der)
	r.must(err)
	id := &identity{cert: cert, key: key, chain: [][]byte{der}}
	if by != nil {
		id.chain = append(id.chain, by.chain...)
	}
	return id
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

// tlsAs dials with a client certificate.
func (r *rig) tlsAs(id *identity) net.Conn {
	r.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(r.hub.CAPEM())
	c := tls.Client(r.dial(), &tls.Config{
		RootCAs: pool, ServerName: "localhost",
		Certificates: []tls.Certificate{{Certificate: id.chain, PrivateKey: id.key}},
	})
	r.must(c.HandshakeContext(r.ctx))
	return c
}

// asCertified opens a connection with a client certificate.
func (r *rig) asCertified(id *identity, sasl amqp.SASLType) *peer {
	r.Helper()
	c, err := r.openOn(r.tlsAs(id), sasl)
	r.must(err)
	return r.peer(c)
}

func (r *rig) register(g hub.Registration) {
	r.Helper()
	_, err := r.hub.Register(g)
	r.must(err)
}

func sha1Thumbprint(id *identity) string {
	sum := sha1.Sum(id.cert.Raw)
	return hex.EncodeToString(sum[:])
}

func TestThumbprintDevice(t *testing.T) {
	r := newRig(t, hub.Options{})
	// The common name is nobody's business with a thumbprint.
	// So are its dates.
	past := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	old, young, other := r.issue("anything", nil, past), r.issue("dev1", nil, nil), r.issue("dev1", nil, nil)
	r.register(hub.Registration{DeviceID: "dev1", PrimaryThumbprint: sha1Thumbprint(old), SecondaryThumbprint: hub.Thumbprint(young.cert)})
	for name, id := range map[string]*identity{"primary, SHA-1": old, "secondary, SHA-256": young} {
		for way, sasl := range map[string]amqp.SASLType{"no SASL": nil, "EXTERNAL": amqp.SASLTypeExternal(""), "ANONYMOUS": amqp.SASLTypeAnonymous()} {
			t.Run(name+" "+way, func(t *testing.T) {
				p := r.asCertified(id, sasl)
				p.accepted(p.sender(telemetryAddress("dev1")), amqp.NewMessage(nil))
				p.receiver(deviceboundAddress("dev1"), nil)
			})
		}
	}
	events := r.hub.Events()
	if got := events[0].Annotations["iothub-connection-auth-method"]; got != `{"scope":"device","type":"x509","issuer":"iothub","acceptingIpFilterRule":null}` {
		t.Errorf("auth method is %v", got)
	}
	_, err := r.asCertified(other, nil).session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
	r.wantCondition(err, "amqp:unauthorized-access")
	if text, err := r.hub.DeviceConnectionString("dev1"); err != nil || text != "HostName="+r.hub.HostName()+";DeviceId=dev1;x509=true" {
		t.Errorf("connection string %q, %v", text, err)
	}
	c, err := r.openOn(r.socket(r.tlsAs(young), socketPath), nil)
	r.must(err)
	r.peer(c).sender(telemetryAddress("dev1"))
}

func TestAuthorityDevice(t *testing.T) {
	r := &rig{TB: t}
	root := r.issue("Factory", nil, authority)
	line := r.issue("Line 7", root, authority)
	stranger := r.issue("Factory", nil, authority)
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	r = newRig(t, hub.Options{DeviceCAs: pool})
	r.register(hub.Registration{DeviceID: "dev1", Auth: hub.AuthAuthority})
	r.register(hub.Registration{DeviceID: "dev1", ModuleID: "m", Auth: hub.AuthAuthority})
	r.register(hub.Registration{DeviceID: "dev2"})
	for name, id := range map[string]*identity{
		"by the root":         r.issue("dev1", root, nil),
		"by one between":      r.issue("dev1", line, nil),
		"for clients by name": r.issue("dev1", root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
	} {
		t.Run(name, func(t *testing.T) {
			p := r.asCertified(id, nil)
			p.accepted(p.sender(telemetryAddress("dev1")), amqp.NewMessage(nil))
			_, err := p.session.NewSender(r.ctx, "/devices/dev1/modules/m/messages/events", nil)
			r.wantCondition(err, "amqp:unauthorized-access")
		})
	}
	m := r.asCertified(r.issue("dev1/m", root, nil), nil)
	m.accepted(m.sender("/devices/dev1/modules/m/messages/events"), amqp.NewMessage(nil))

	short := r.issue("dev1", line, nil)
	short.chain = short.chain[:1]
	for name, id := range map[string]*identity{
		"another name":        r.issue("dev3", root, nil),
		"another case":        r.issue("Dev1", root, nil),
		"a stranger":          r.issue("dev1", stranger, nil),
		"itself":              r.issue("dev1", nil, nil),
		"a link is missing":   short,
		"by a device":         r.issue("dev1", r.issue("dev1", root, nil), nil),
		"past its life":       r.issue("dev1", root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"for servers only":    r.issue("dev1", root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"a device with a key": r.issue("dev2", root, nil),
	} {
		p := r.asCertified(id, nil)
		for _, device := range []string{"dev1", "dev2"} {
			_, err := p.session.NewSender(r.ctx, telemetryAddress(device), nil)
			if condition(err) != "amqp:unauthorized-access" {
				t.Errorf("%s: link of %s gives %v", name, device, err)
			}
		}
	}
}

// Without an authority of the devices nobody's word counts, the system's neither.
func TestNoAuthorityNoDevice(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.register(hub.Registration{DeviceID: "dev1", Auth: hub.AuthAuthority})
	_, err := r.asCertified(r.issue("dev1", nil, authority), nil).session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
	r.wantCondition(err, "amqp:unauthorized-access")
}

// A certificate makes a connection one device's: another of the same thumbprint
// needs a connection of its own.
func TestCertificateCarriesOneDevice(t *testing.T) {
	r := newRig(t, hub.Options{})
	shared := r.issue("shared", nil, nil)
	for _, id := range []string{"dev1", "dev2"} {
		r.register(hub.Registration{DeviceID: id, PrimaryThumbprint: hub.Thumbprint(shared.cert)})
	}
	p := r.asCertified(shared, nil)
	p.sender(telemetryAddress("dev1"))
	_, err := p.session.NewSender(r.ctx, telemetryAddress("dev2"), nil)
	r.wantCondition(err, "amqp:unauthorized-access")
	p.receiver(deviceboundAddress("dev1"), nil)
	r.asCertified(shared, nil).sender(telemetryAddress("dev2"))
}

func TestExternalNeedsACertificate(t *testing.T) {
	r := newRig(t, hub.Options{})
	if _, err := r.open(amqp.SASLTypeExternal("")); err == nil {
		t.Error("EXTERNAL without a certificate is let in")
	}
}

// Certificates stay in memory as long as the connection: they are bounded.
func TestCertificatesOfAPeerAreBounded(t *testing.T) {
	r := newRig(t, hub.Options{})
	of := func(size int) *identity {
		return r.issue("dev1", nil, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, size)}}
		})
	}
	large, larger := of(31<<10), of(33<<10)
	r.register(hub.Registration{DeviceID: "dev1", PrimaryThumbprint: hub.Thumbprint(large.cert), SecondaryThumbprint: hub.Thumbprint(larger.cert)})
	r.asCertified(large, nil).sender(telemetryAddress("dev1"))
	// In TLS 1.3 the client learns of it after its own part of the handshake.
	if _, err := r.openOn(r.tlsAs(larger), nil); err == nil {
		t.Error("33 KiB of certificates are taken")
	}
}

// A device that has a certificate has no token, and the other way round.
func TestWayToAuthenticateIsOneOnly(t *testing.T) {
	r := newRig(t, hub.Options{})
	id := r.issue("dev1", nil, nil)
	r.device("dev1")
	_, err := r.asCertified(id, nil).session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
	r.wantCondition(err, "amqp:unauthorized-access")
	r.asDevice("dev1").sender(telemetryAddress("dev1"))
}

// The connection of a device that came by certificate has nothing left without it.
func TestRevokedDeviceLosesItsCertifiedConnection(t *testing.T) {
	for want, revoke := range map[string]func(*hub.Hub) error{
		"amqp:not-found":           func(h *hub.Hub) error { return h.RemoveDevice("dev1") },
		"amqp:unauthorized-access": func(h *hub.Hub) error { return h.DisableDevice("dev1") },
	} {
		r := newRig(t, hub.Options{})
		id := r.issue("dev1", nil, nil)
		r.register(hub.Registration{DeviceID: "dev1", PrimaryThumbprint: hub.Thumbprint(id.cert)})
		p := r.asCertified(id, nil)
		p.sender(telemetryAddress("dev1"))
		r.must(revoke(r.hub))
		select {
		case <-p.conn.Done():
			r.wantCondition(p.conn.Err(), want)
		case <-r.ctx.Done():
			t.Fatal("the connection is still open")
		}
		_, err := r.asCertified(id, nil).session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
		r.wantCondition(err, "amqp:unauthorized-access")
	}
}

func TestGivenCertificate(t *testing.T) {
	r := &rig{TB: t}
	root := r.issue("Company", nil, authority)
	own := r.issue("hub", root, func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} })
	cert := tls.Certificate{Certificate: own.chain, PrivateKey: own.key}
	r = newRig(t, hub.Options{Certificate: &cert})
	r.device("dev1")
	block, _ := pem.Decode(r.hub.CAPEM())
	if block == nil || string(block.Bytes) != string(root.cert.Raw) {
		t.Error("CAPEM is not the end of the chain")
	}
	r.asDevice("dev1").sender(telemetryAddress("dev1"))
	for name, opts := range map[string]hub.Options{
		"other host": {Certificate: &cert, HostName: "hub.example"},
		"none":       {Certificate: &tls.Certificate{}},
	} {
		if _, err := hub.New(opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
