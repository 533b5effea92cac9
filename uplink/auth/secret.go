package auth

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "redacted"

// secret gives the bytes of a Key or Token. It is a function because fmt cannot
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

// Key is a shared access key. The zero Key is no key.
type Key struct{ secret secret }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.secret == nil }

// Equal reports whether both are the same key.
func (k Key) Equal(o Key) bool { return k.secret.equal(o.secret) }

// String returns "redacted".
func (Key) String() string { return redacted }

// GoString returns "redacted".
func (Key) GoString() string { return redacted }

// Format prints "redacted" for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "redacted".
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "redacted".
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// Token is a shared access signature. The zero Token is no token.
type Token struct{ secret secret }

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return t.secret == nil }

// Equal reports whether both are the same token.
func (t Token) Equal(o Token) bool { return t.secret.equal(o.secret) }

// Reveal returns the text that goes to the hub, as the body of a put-token
// request or as the password of SASL PLAIN.
func (t Token) Reveal() string {
	return string(t.secret.bytes())
}

// String returns "redacted".
func (Token) String() string { return redacted }

// GoString returns "redacted".
func (Token) GoString() string { return redacted }

// Format prints "redacted" for every verb.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "redacted".
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "redacted".
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }
