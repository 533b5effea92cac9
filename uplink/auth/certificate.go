package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// Errors of ParseCertificate say in which of the two texts the fault is.
var (
	ErrBadCertificate = errors.New("no usable certificate")
	ErrBadPrivateKey  = errors.New("no usable private key")
)

// Certificate proves a device in the TLS handshake. The zero Certificate is none.
// It prints as whose it is and until when, never with its key.
type Certificate struct{ pair func() *tls.Certificate }

// ParseCertificate reads a certificate, with the chain behind it if there is one,
// and its private key, both in PEM. The error is an ErrBadCertificate or an
// ErrBadPrivateKey. The validity is not judged: see Certificate.Valid.
func ParseCertificate(certificate, key []byte) (Certificate, error) {
	if err := readable(certificate); err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrBadCertificate, err)
	}
	if encrypted(key) {
		return Certificate{}, fmt.Errorf("%w: it is encrypted, and nobody is there to type the passphrase", ErrBadPrivateKey)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return Certificate{}, fmt.Errorf("%w: %s", ErrBadPrivateKey, keyFault(err))
	}
	return Certificate{func() *tls.Certificate { return &pair }}, nil
}

// readable checks that each certificate of a chain can be read.
func readable(text []byte) error {
	found := 0
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return err
		}
		found++
	}
	if found == 0 {
		return errors.New("no CERTIFICATE in PEM")
	}
	return nil
}

func encrypted(key []byte) bool {
	block, _ := pem.Decode(key)
	return block != nil && (strings.Contains(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"))
}

// keyFault says in words of our own what tls.X509KeyPair found: some of its
// errors name the PEM blocks it met.
func keyFault(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "does not match"):
		return "it does not belong to the certificate"
	case strings.Contains(text, "failed to find"), strings.Contains(text, "found a certificate rather than a key"):
		return "no PRIVATE KEY in PEM"
	default:
		return "it cannot be read"
	}
}

// IsZero reports whether there is no certificate.
func (c Certificate) IsZero() bool { return c.pair == nil }

// Equal reports whether both are the same certificate with the same chain.
func (c Certificate) Equal(o Certificate) bool {
	if c.IsZero() || o.IsZero() {
		return c.IsZero() == o.IsZero()
	}
	return bytes.Equal(bytes.Join(c.TLS().Certificate, nil), bytes.Join(o.TLS().Certificate, nil))
}

// TLS returns what a handshake needs. It holds the private key: do not print it.
func (c Certificate) TLS() *tls.Certificate { return c.pair() }

// Valid returns an error when the certificate has expired at now, or is not yet
// valid.
func (c Certificate) Valid(now time.Time) error {
	leaf := c.TLS().Leaf
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate has expired on %s", date(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s", date(leaf.NotBefore))
	}
	return nil
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// String names the subject, the end and the thumbprint that a hub's registry
// keeps.
func (c Certificate) String() string {
	if c.IsZero() {
		return "no certificate"
	}
	leaf := c.TLS().Leaf
	sum := sha256.Sum256(leaf.Raw)
	return fmt.Sprintf("certificate of %q until %s, SHA-256 %s", leaf.Subject.CommonName, date(leaf.NotAfter), hex.EncodeToString(sum[:]))
}

// GoString returns what String does.
func (c Certificate) GoString() string { return c.String() }

// Format prints what String returns for every verb.
func (c Certificate) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText returns what String does.
func (c Certificate) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue returns what String does.
func (c Certificate) LogValue() slog.Value { return slog.StringValue(c.String()) }
