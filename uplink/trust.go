package uplink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"fieldpost/internal/clock"
)

// tlsConfig says what a server that calls itself host must prove.
func tlsConfig(id Identity, host string, c clock.Clock) *tls.Config {
	config := &tls.Config{
		ServerName: host,
		RootCAs:    id.RootCAs,
		MinVersion: tls.VersionTLS12,
		Time:       func() time.Time { return c.Now().Wall },
	}
	if t, ok := c.(*trust); ok {
		config.VerifyConnection = t.verified
	}
	return config
}

// trust is the clock that certificates are checked with and tokens are dated
// with. It never reads earlier than the present can be, and it learns from
// certificates how early that is.
type trust struct {
	clock    clock.Clock
	earliest *clock.Earliest

	mu       sync.Mutex
	notAfter time.Time // of the certificate of the hub, as verified last
	doubted  bool      // a token was refused that had the usual life
}

// Now implements clock.Clock: Wall is the later of wall clock and floor, as long
// as nothing vouches for the wall clock.
func (t *trust) Now() clock.Stamp {
	s := t.clock.Now()
	s.Wall = t.earliest.Present(s)
	return s
}

// verified notes what a connection whose certificates are good tells of the time.
func (t *trust) verified(c tls.ConnectionState) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notAfter = c.PeerCertificates[0].NotAfter
	return nil
}

// learn reports whether err, of a handshake with id, was about the time alone and
// taught how early the present can be: the certificate of the hub begins later,
// and at that moment everything about it is good. An authority that we trust
// says so, which is more than a clock does that nothing vouches for. The
// handshake has failed nevertheless; the next one is checked like any other.
func (t *trust) learn(err error, id Identity) bool {
	var verify *tls.CertificateVerificationError
	now := t.clock.Now()
	if now.Trust == clock.TrustSynced || !errors.As(err, &verify) || len(verify.UnverifiedCertificates) == 0 {
		return false
	}
	leaf := verify.UnverifiedCertificates[0]
	if !t.earliest.Present(now).Before(leaf.NotBefore) {
		return false
	}
	others := x509.NewCertPool()
	for _, c := range verify.UnverifiedCertificates[1:] {
		others.AddCert(c)
	}
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: id.tlsName(), Roots: id.RootCAs, Intermediates: others, CurrentTime: leaf.NotBefore})
	return err == nil && t.earliest.Raise(leaf.NotBefore)
}

// doubt says whether tokens of the usual life are refused, perhaps because the
// clock is behind by more than that life.
func (t *trust) doubt(is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doubted = is
}

// expiry is when a token made at s ends. While nothing vouches for the clock, the
// present is between the floor and the end of the hub's certificate: a token that
// was refused is tried again with that end, and none outlives it.
func (t *trust) expiry(s clock.Stamp, life time.Duration) time.Time {
	at := t.earliest.Present(s).Add(life)
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Trust != clock.TrustSynced && !t.notAfter.IsZero() && (t.doubted || at.After(t.notAfter)) {
		return t.notAfter
	}
	return at
}
