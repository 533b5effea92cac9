package auth

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "redacted"

// secret gives the bytes of a Key, a Token or a Login. It is a function because fmt cannot
// call the methods of an unexported field and prints what is in it, following
// pointers on the way; of a function it prints the address.
type secret func() []byte

func newSecret(b []byte) secret { return func() []byte { return b } }

func (s secret) bytes() []byte {
	if s == nil {
		return nil
	}
	return s()
}

func (s secret) equal(o secret) bool {
	return subtle.ConstantTimeCompare(s.bytes(), o.bytes()) == 1
}

// hidden is a secret that prints as "redacted" wherever it is printed.
type hidden struct{ secret secret }

// IsZero reports whether there is nothing.
func (h hidden) IsZero() bool { return h.secret == nil }

// String returns "redacted".
func (hidden) String() string { return redacted }

// GoString returns "redacted".
func (hidden) GoString() string { return redacted }

// Format prints "redacted" for every verb.
func (hidden) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "redacted".
func (hidden) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "redacted".
func (hidden) LogValue() slog.Value { return slog.StringValue(redacted) }

// Key is a shared access key. The zero Key is no key.
type Key struct{ hidden }

// Equal reports whether both are the same key.
func (k Key) Equal(o Key) bool { return k.secret.equal(o.secret) }

// Token is a shared access signature. The zero Token is no token.
type Token struct{ hidden }

// Equal reports whether both are the same token.
func (t Token) Equal(o Token) bool { return t.secret.equal(o.secret) }

// Reveal returns the text that goes to the hub, as the body of a put-token
// request or as the password of SASL PLAIN.
func (t Token) Reveal() string { return string(t.secret.bytes()) }
