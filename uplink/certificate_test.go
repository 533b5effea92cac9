package uplink_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// issued is a certificate as it lies in files.
type issued struct {
	leaf      *x509.Certificate
	key       *ecdsa.PrivateKey
	cert, pem []byte // certificate with chain, and key, in PEM
}

// issue makes a certificate for a device; by nil signs itself.
func issue(t testing.TB, name string, by *issued) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         by == nil, BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.leaf, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	i := &issued{key: key, cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	if i.leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if by != nil {
		i.cert = append(i.cert, by.cert...)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	i.pem = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
	return i
}

func (i *issued) certificate(t testing.TB) auth.Certificate {
	t.Helper()
	c, err := auth.ParseCertificate(i.cert, i.pem)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const certified = "gw-x509"

// certifies registers a device with these thumbprints and connects as it.
func (r *rig) certifies(g hub.Registration, certificate func() auth.Certificate) {
	r.t.Helper()
	g.DeviceID = certified
	if _, err := r.hub.Register(g); err != nil {
		r.t.Fatal(err)
	}
	id := r.identity()
	id.DeviceID, id.Key = certified, auth.Key{}
	r.dopts.DeviceID = func() string { return certified }
	r.opts.Identity = func() (uplink.Identity, error) {
		id := id
		id.Certificate = certificate()
		return id, nil
	}
}

func TestCertificateDrains(t *testing.T) {
	for _, transport := range []string{uplink.TransportAMQP, uplink.TransportWebSocket} {
		t.Run(transport+" by thumbprint", func(t *testing.T) {
			r := newRig(t, hub.Options{})
			r.opts.Route.Transport = transport
			r.opts.TokenLife = 50 * time.Millisecond // of no meaning here
			own := issue(t, certified, nil)
			cert := own.certificate(t)
			r.certifies(hub.Registration{PrimaryThumbprint: hub.Thumbprint(own.leaf)}, func() auth.Certificate { return cert })
			ids := r.append(20)
			r.start()
			r.drained()
			r.mustHave(ids, 0)
			s := r.link.State()
			must(t, s.Connects == 1 && s.Renewals == 0 && s.Failures == 0, "state %+v", s)
		})
	}
	t.Run("by authority", func(t *testing.T) {
		ca := issue(t, "an authority", nil)
		pool := x509.NewCertPool()
		pool.AddCert(ca.leaf)
		r := newRig(t, hub.Options{DeviceCAs: pool})
		cert := issue(t, certified, ca).certificate(t)
		r.certifies(hub.Registration{Auth: hub.AuthAuthority}, func() auth.Certificate { return cert })
		ids := r.append(3)
		r.start()
		r.drained()
		r.mustHave(ids, 0)
	})
}

// A hub accepts the handshake and refuses the links of a certificate it does not
// know.
func TestStrangeCertificateIsNamed(t *testing.T) {
	r := newRig(t, hub.Options{})
	strange := issue(t, certified, nil).certificate(t)
	r.certifies(hub.Registration{PrimaryThumbprint: hub.Thumbprint(issue(t, certified, nil).leaf)}, func() auth.Certificate { return strange })
	r.start()
	s := r.until("a refusal", func(s uplink.LinkState) bool { return s.Tenants[0].Restarts > 0 })
	d := s.Tenants[0]
	must(t, d.Cause == uplink.CauseIdentity && strings.Contains(d.Hint, "this certificate's thumbprint"), "drain %+v", d)
}

// A certificate that is replaced on disk is used without a restart, and without a
// failure being counted.
func TestReplacedCertificateIsUsed(t *testing.T) {
	r := newRig(t, hub.Options{})
	first, second := issue(t, certified, nil), issue(t, certified, nil)
	certs := [2]auth.Certificate{first.certificate(t), second.certificate(t)}
	var replaced atomic.Bool
	r.certifies(hub.Registration{PrimaryThumbprint: hub.Thumbprint(first.leaf), SecondaryThumbprint: hub.Thumbprint(second.leaf)},
		func() auth.Certificate {
			if replaced.Load() {
				return certs[1]
			}
			return certs[0]
		})
	r.start()
	ids := r.append(3)
	r.drained()
	replaced.Store(true)
	s := r.until("another connection", func(s uplink.LinkState) bool { return s.Connects == 2 })
	ids = append(ids, r.append(3)...)
	r.drained()
	r.mustHave(ids, 0)
	must(t, s.Failures == 0 && s.LastError == "", "state %+v", s)
}

func TestIdentityPrintsNoSecret(t *testing.T) {
	own := issue(t, "gw", nil)
	key := auth.NewKey([]byte("secret-secret-secret"))
	id := uplink.Identity{Host: "h", Certificate: own.certificate(t), Key: key, Token: key.Sign("h", "", time.Now())}
	proxy := uplink.Proxy{Addr: "p:1", Login: auth.NewLogin("user:secret-secret-secret")}
	text := fmt.Sprintf("%v %+v %#v %v %+v %#v", id, id, id, proxy, &proxy, proxy)
	for _, secret := range []string{"secret-", own.key.D.String(), "c2VjcmV0", "sig="} {
		must(t, !strings.Contains(text, secret), "%q is printed: %s", secret, text)
	}
}
