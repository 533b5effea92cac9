package uplink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"

	"fieldpost/internal/clock"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, parent *authority, from, until time.Time) *authority {
	t.Helper()
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if parent == nil {
		parent = &authority{tmpl, a.key}
	}
	a.cert = parent.sign(t, tmpl, a.key)
	return a
}

func (a *authority) sign(t *testing.T, tmpl *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (a *authority) leaf(t *testing.T, host string, from, until time.Time) *x509.Certificate {
	t.Helper()
	c := a.issue(t, host, from, until)
	return c.Leaf
}

func (a *authority) issue(t *testing.T, host string, from, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: from, NotAfter: until,
	}, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// IssueForLocalhost returns a certificate of a hub on this machine, with that of
// its authority.
func IssueForLocalhost(t *testing.T, from, until time.Time) tls.Certificate {
	t.Helper()
	return newAuthority(t, nil, from.AddDate(-1, 0, 0), until.AddDate(1, 0, 0)).issue(t, "localhost", from, until)
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Only a certificate that is good in every other respect teaches what time it is.
func TestTrustLearnsFromTheBeginningOfACertificate(t *testing.T) {
	begin := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	end := begin.AddDate(0, 3, 0)
	old := begin.AddDate(-10, 0, 0)
	root := newAuthority(t, nil, old, begin.AddDate(10, 0, 0))
	between := newAuthority(t, root, old, end)
	late := newAuthority(t, root, begin.AddDate(0, 1, 0), end)
	other := newAuthority(t, nil, old, end)
	leaf := root.leaf(t, "hub", begin, end)
	deep := between.leaf(t, "hub", begin, end)
	for _, v := range []struct {
		name  string
		chain []*x509.Certificate
		host  string
		roots *x509.CertPool
		wall  time.Time
		trust clock.Trust
		want  time.Time // the floor afterwards
	}{
		{"a clock of 1970", []*x509.Certificate{leaf}, "hub", root.pool(), time.Unix(0, 0), clock.TrustNone, begin},
		{"a clock of last year", []*x509.Certificate{leaf}, "hub", root.pool(), begin.AddDate(-1, 0, 0), clock.TrustPlausible, begin},
		{"with an authority in between", []*x509.Certificate{deep, between.cert}, "hub", root.pool(), time.Unix(0, 0), clock.TrustNone, begin},
		{"a synced clock knows better", []*x509.Certificate{leaf}, "hub", root.pool(), begin.AddDate(-1, 0, 0), clock.TrustSynced, old},
		{"a clock that is late enough", []*x509.Certificate{leaf}, "hub", root.pool(), begin.AddDate(0, 1, 0), clock.TrustPlausible, old},
		{"a clock behind the end", []*x509.Certificate{leaf}, "hub", root.pool(), end.AddDate(1, 0, 0), clock.TrustPlausible, old},
		{"another host", []*x509.Certificate{leaf}, "hub2", root.pool(), time.Unix(0, 0), clock.TrustNone, old},
		{"an unknown authority", []*x509.Certificate{leaf}, "hub", other.pool(), time.Unix(0, 0), clock.TrustNone, old},
		{"a chain with a gap", []*x509.Certificate{deep}, "hub", root.pool(), time.Unix(0, 0), clock.TrustNone, old},
		{"an authority that begins later", []*x509.Certificate{late.leaf(t, "hub", begin, end), late.cert}, "hub", root.pool(), time.Unix(0, 0), clock.TrustNone, old},
		{"no certificate", nil, "hub", root.pool(), time.Unix(0, 0), clock.TrustNone, old},
	} {
		f := clock.NewFake(v.wall)
		f.SetTrust(v.trust)
		tr := &trust{clock: f, earliest: clock.NewEarliest(old)}
		err := fmt.Errorf("dial: %w", &tls.CertificateVerificationError{UnverifiedCertificates: v.chain, Err: x509.CertificateInvalidError{Reason: x509.Expired}})
		learned := tr.learn(err, Identity{Host: v.host, RootCAs: v.roots})
		if at := tr.earliest.At(); learned != v.want.Equal(begin) || at.Sub(v.want).Abs() > time.Hour {
			t.Errorf("%s: learned %t, floor %s, want %s", v.name, learned, at, v.want)
		}
	}
	tr := &trust{clock: clock.NewFake(old), earliest: clock.NewEarliest(old)}
	if tr.learn(fmt.Errorf("dial: refused"), Identity{Host: "hub"}) {
		t.Error("learned from an error that is not about certificates")
	}
}

func TestTokenExpiry(t *testing.T) {
	floor := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	end := floor.AddDate(0, 1, 0)
	for _, v := range []struct {
		name    string
		wall    time.Time
		trust   clock.Trust
		end     time.Time
		doubted bool
		want    time.Time
	}{
		{"synced", floor.Add(time.Minute), clock.TrustSynced, end, false, floor.Add(61 * time.Minute)},
		{"synced and refused", floor.Add(time.Minute), clock.TrustSynced, end, true, floor.Add(61 * time.Minute)},
		{"synced past the certificate", end.Add(time.Minute), clock.TrustSynced, end, false, end.Add(61 * time.Minute)},
		{"1970 is dated by the floor", time.Unix(0, 0), clock.TrustNone, end, false, floor.Add(time.Hour)},
		{"plausible", floor.Add(24 * time.Hour), clock.TrustPlausible, end, false, floor.Add(25 * time.Hour)},
		{"plausible and refused", floor.Add(24 * time.Hour), clock.TrustPlausible, end, true, end},
		{"never past the certificate", end.Add(-time.Minute), clock.TrustPlausible, end, false, end},
		{"no certificate seen", time.Unix(0, 0), clock.TrustNone, time.Time{}, true, floor.Add(time.Hour)},
	} {
		tr := &trust{earliest: clock.NewEarliest(floor), notAfter: v.end}
		tr.doubt(v.doubted)
		got := tr.expiry(clock.Stamp{Wall: v.wall, Trust: v.trust}, time.Hour)
		if got.Sub(v.want).Abs() > time.Minute/2 {
			t.Errorf("%s: %s, want %s", v.name, got, v.want)
		}
	}
}
