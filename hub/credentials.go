package hub

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// AuthType is how a device or module proves who it is. The texts are the cloud
// registry's own.
type AuthType string

// The ways to authenticate.
const (
	AuthSAS        AuthType = "sas"                  // a token signed with one of two keys
	AuthSelfSigned AuthType = "selfSigned"           // a certificate with one of two thumbprints
	AuthAuthority  AuthType = "certificateAuthority" // a certificate that one of Options.DeviceCAs vouches for
)

// Registration says who a new device or module is, and how it proves it.
type Registration struct {
	// DeviceID has 1 to 128 characters out of ASCII letters, digits and
	// - : . + % _ # * ? ! ( ) , = @ ; $ '. Required.
	DeviceID string
	// ModuleID makes it a module of that device, which must exist; the same
	// characters. Default "" (the device itself).
	ModuleID string
	// Auth is how it authenticates. Default AuthSAS, or AuthSelfSigned with a
	// thumbprint.
	Auth AuthType
	// PrimaryKey and SecondaryKey are for AuthSAS. Default: keys made at random.
	PrimaryKey, SecondaryKey Key
	// PrimaryThumbprint and SecondaryThumbprint are for AuthSelfSigned: the SHA-1 or
	// SHA-256 digest of the certificate in hexadecimal, with or without colons.
	// Default "": no certificate in that place.
	PrimaryThumbprint, SecondaryThumbprint string
}

// credentials are what one identity authenticates with.
type credentials struct {
	auth               AuthType
	primary, secondary Key       // AuthSAS
	thumbprints        [2]string // AuthSelfSigned: upper-case digits, "" for none
}

// credentials checks and completes what a registration says.
func (g Registration) credentials() (credentials, error) {
	c := credentials{auth: g.Auth, primary: g.PrimaryKey, secondary: g.SecondaryKey}
	for i, text := range []string{g.PrimaryThumbprint, g.SecondaryThumbprint} {
		digits, err := parseThumbprint(text)
		if err != nil {
			return c, err
		}
		c.thumbprints[i] = digits
	}
	printed := c.thumbprints != [2]string{}
	keyed := c.primary != Key{} || c.secondary != Key{}
	if c.auth == "" {
		c.auth = AuthSAS
		if printed {
			c.auth = AuthSelfSigned
		}
	}
	switch c.auth {
	case AuthSAS:
		if printed {
			return c, errors.New("a thumbprint is for authentication selfSigned, not sas")
		}
		for _, k := range []*Key{&c.primary, &c.secondary} {
			if *k == (Key{}) {
				*k = newKey()
			}
		}
	case AuthSelfSigned:
		if !printed {
			return c, errors.New("authentication selfSigned needs a thumbprint")
		}
	case AuthAuthority:
		if printed {
			return c, errors.New("a thumbprint is for authentication selfSigned, not certificateAuthority")
		}
	default:
		return c, fmt.Errorf("authentication %q is not sas, selfSigned or certificateAuthority", c.auth)
	}
	if c.auth != AuthSAS && keyed {
		return c, fmt.Errorf("a key is for authentication sas, not %s", c.auth)
	}
	return c, nil
}

// Thumbprint returns the SHA-256 thumbprint of a certificate as the registry
// keeps it.
func Thumbprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// parseThumbprint returns the digits of a SHA-1 or SHA-256 digest in upper case.
func parseThumbprint(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	digits := strings.ToUpper(strings.NewReplacer(":", "", " ", "").Replace(text))
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != sha1.Size && len(raw) != sha256.Size {
		return "", fmt.Errorf("thumbprint %.80q is not the 40 or 64 hexadecimal digits of SHA-1 or SHA-256", text)
	}
	return digits, nil
}

// hasThumbprint reports whether one of the thumbprints is cert's.
func (c credentials) hasThumbprint(cert *x509.Certificate) bool {
	short := sha1.Sum(cert.Raw)
	long := sha256.Sum256(cert.Raw)
	for _, digits := range c.thumbprints {
		want, err := hex.DecodeString(digits)
		if err == nil && len(want) > 0 && (hmac.Equal(want, short[:]) || hmac.Equal(want, long[:])) {
			return true
		}
	}
	return false
}
