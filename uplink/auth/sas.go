package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Errors of ParseKey and ParseToken. They never carry the text they are about.
var (
	ErrBadKey   = errors.New("shared access key is not base64")
	ErrBadToken = errors.New("shared access signature lacks one of sr, sig and se")
)

const tokenPrefix = "SharedAccessSignature "

// ParseKey reads a key as the portal shows it, in standard base64. The error is
// ErrBadKey.
func ParseKey(text string) (Key, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 {
		return Key{}, ErrBadKey
	}
	return Key{hidden{newSecret(raw)}}, nil
}

// NewKey returns the key with these bytes, which it copies. No bytes are no key.
func NewKey(raw []byte) Key {
	if len(raw) == 0 {
		return Key{}
	}
	return Key{hidden{newSecret(append([]byte(nil), raw...))}}
}

// Derive returns the key of one device under this group key: the HMAC-SHA256 of
// the registration id, as the device provisioning service computes it for
// symmetric key attestation.
func (k Key) Derive(registrationID string) Key {
	return NewKey(k.mac(registrationID))
}

// Sign makes a token for resource that ends at expiry. The resource has no
// scheme for an IoT hub ("<host>/devices/<id>", "<host>" for a service). Policy
// is the name of the hub policy that the key belongs to; it is empty for the key
// of a device. Seconds below one are cut off the expiry.
func (k Key) Sign(resource, policy string, expiry time.Time) Token {
	sr := escape(resource)
	se := strconv.FormatInt(expiry.Unix(), 10)
	sig := base64.StdEncoding.EncodeToString(k.mac(sr + "\n" + se))
	text := tokenPrefix + "sr=" + sr + "&sig=" + escape(sig) + "&se=" + se
	if policy != "" {
		text += "&skn=" + escape(policy)
	}
	return Token{hidden{newSecret([]byte(text))}}
}

// CheckSize tells of a key that no hub has: one brought by somebody has 16 to 64
// bytes there, and one that was cut short on the way may still be base64.
func (k Key) CheckSize() error {
	if n := len(k.secret.bytes()); n < 16 || n > 64 {
		return fmt.Errorf("SharedAccessKey has %d bytes, and those of a hub have 16 to 64", n)
	}
	return nil
}

func (k Key) mac(text string) []byte {
	h := hmac.New(sha256.New, k.secret.bytes())
	h.Write([]byte(text))
	return h.Sum(nil)
}

// ParseToken reads a token that was made elsewhere. The error is ErrBadToken.
func ParseToken(text string) (Token, error) {
	fields, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return Token{}, ErrBadToken
	}
	var seen [3]bool
	for _, f := range strings.Split(fields, "&") {
		name, value, _ := strings.Cut(f, "=")
		for i, want := range [...]string{"sr", "sig", "se"} {
			if strings.EqualFold(name, want) && value != "" {
				seen[i] = true
			}
		}
	}
	if seen != [3]bool{true, true, true} {
		return Token{}, ErrBadToken
	}
	return Token{hidden{newSecret([]byte(text))}}, nil
}

// Expiry returns when the token ends. It is the zero time when the token does not
// say so in whole seconds since 1970.
func (t Token) Expiry() time.Time {
	for _, f := range strings.Split(strings.TrimPrefix(t.Reveal(), tokenPrefix), "&") {
		if name, value, _ := strings.Cut(f, "="); strings.EqualFold(name, "se") {
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				return time.Unix(n, 0)
			}
		}
	}
	return time.Time{}
}

// escape is percent-encoding without the "+" that url.QueryEscape writes for a
// space. Verifiers compute over the text as sent, so the case of the hex digits
// does not matter.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
