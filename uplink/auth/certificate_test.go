package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"fieldpost/uplink/auth"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// issue makes a certificate for name, good for an hour around noon, and its key.
func issue(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", raw)
}

func block(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}

func TestParseCertificate(t *testing.T) {
	cert, key := issue(t, "gw-1")
	otherCert, otherKey := issue(t, "gw-2")
	c, err := auth.ParseCertificate(append(cert, otherCert...), append([]byte("# the key\n"), key...))
	if err != nil || len(c.TLS().Certificate) != 2 {
		t.Fatalf("chain: %v", err)
	}
	if _, err := auth.ParseCertificate(append(key, cert...), append(cert, key...)); err != nil {
		t.Errorf("both in one file: %v", err)
	}
	for _, v := range []struct {
		name      string
		cert, key []byte
		is        error
		says      string
	}{
		{"nothing", nil, nil, auth.ErrBadCertificate, "no CERTIFICATE in PEM"},
		{"text", []byte("hello"), key, auth.ErrBadCertificate, "no CERTIFICATE in PEM"},
		{"key for a certificate", key, key, auth.ErrBadCertificate, "no CERTIFICATE in PEM"},
		{"damaged certificate", block("CERTIFICATE", []byte("x")), key, auth.ErrBadCertificate, "x509"},
		{"damaged chain", append(cert, block("CERTIFICATE", nil)...), key, auth.ErrBadCertificate, "x509"},
		{"no key", cert, nil, auth.ErrBadPrivateKey, "no PRIVATE KEY in PEM"},
		{"certificate for a key", cert, cert, auth.ErrBadPrivateKey, "no PRIVATE KEY in PEM"},
		{"key of another", cert, otherKey, auth.ErrBadPrivateKey, "does not belong to the certificate"},
		{"damaged key", cert, block("PRIVATE KEY", []byte("c2VjcmV0")), auth.ErrBadPrivateKey, "cannot be read"},
		{"key with a passphrase", cert, block("ENCRYPTED PRIVATE KEY", []byte("x")), auth.ErrBadPrivateKey, "encrypted"},
		{"key with a passphrase, old form", cert, []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"), auth.ErrBadPrivateKey, "encrypted"},
	} {
		c, err := auth.ParseCertificate(v.cert, v.key)
		if !errors.Is(err, v.is) || !strings.Contains(err.Error(), v.says) || !c.IsZero() {
			t.Errorf("%s: %v, want %q", v.name, err, v.says)
		}
	}
}

func TestCertificateValid(t *testing.T) {
	c, err := auth.ParseCertificate(issue(t, "gw-1"))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]string{
		noon: "", noon.Add(2 * time.Hour): "has expired on 2026-01-01 13:00 UTC", noon.Add(-2 * time.Hour): "not valid before 2026-01-01 11:00 UTC",
	} {
		if err := c.Valid(at); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("at %s: %v, want %q", at, err, want)
		}
	}
}

func TestCertificateEqual(t *testing.T) {
	cert, key := issue(t, "gw-1")
	a, _ := auth.ParseCertificate(cert, key)
	same, _ := auth.ParseCertificate(cert, key)
	other, _ := auth.ParseCertificate(issue(t, "gw-1"))
	if !a.Equal(same) || a.Equal(other) || a.Equal(auth.Certificate{}) || (auth.Certificate{}).Equal(a) || !(auth.Certificate{}).Equal(auth.Certificate{}) {
		t.Error("Equal is wrong")
	}
}

func TestParseLogin(t *testing.T) {
	for text, want := range map[string]string{
		"Aladdin:open sesame":       "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", // RFC 7617 section 2
		"\ufeffuser:pa:ss\r\n":      "Basic dXNlcjpwYTpzcw==",
		"user:":                     "Basic dXNlcjo=",
		"":                          "",
		"user":                      "",
		":c2VjcmV0":                 "",
		"user:c2VjcmV0\nuser:other": "",
	} {
		l, err := auth.ParseLogin(text)
		if (err == nil) != (want != "") || err == nil && l.Basic() != want {
			t.Errorf("%q: %v, %v", text, err, want)
		}
		if err != nil && (!errors.Is(err, auth.ErrBadLogin) || strings.Contains(err.Error(), "c2VjcmV0")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTokenExpiry(t *testing.T) {
	if got := auth.NewKey([]byte("k")).Sign("h", "", noon).Expiry(); !got.Equal(noon) {
		t.Errorf("own token ends %s", got)
	}
	for text, want := range map[string]time.Time{
		"SharedAccessSignature SE=100&sig=x&sr=y": time.Unix(100, 0),
		"SharedAccessSignature sr=y&sig=x&se=1e9": {},
	} {
		token, err := auth.ParseToken(text)
		if err != nil || !token.Expiry().Equal(want) {
			t.Errorf("%s ends %s, %v", text, token.Expiry(), err)
		}
	}
}
