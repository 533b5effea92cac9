package hub

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// keySize is that of the symmetric keys the registry makes, in bytes.
const keySize = 32

// Key is a symmetric key. It prints as "redacted" everywhere; Base64 gives the
// text a connection string carries.
type Key struct{ raw string }

func newKey() Key {
	raw := make([]byte, keySize)
	rand.Read(raw)
	return Key{raw: string(raw)}
}

// The least and the most bytes of a key, base64 decoded.
const (
	minKeySize = 16
	maxKeySize = 64
)

// ParseKey reads a key in standard base64: 16 to 64 bytes. Errors never quote it.
func ParseKey(text string) (Key, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Key{}, errors.New("key is not base64")
	}
	if len(raw) < minKeySize || len(raw) > maxKeySize {
		return Key{}, fmt.Errorf("key has %d bytes, not %d to %d", len(raw), minKeySize, maxKeySize)
	}
	return Key{raw: string(raw)}, nil
}

// Base64 returns the key in standard base64, the secret itself.
func (k Key) Base64() string { return base64.StdEncoding.EncodeToString([]byte(k.raw)) }

// asText returns the key as Event Hubs uses it: there the text of a key is the
// secret itself, where IoT Hub takes the bytes that the text encodes.
func (k Key) asText() Key { return Key{raw: k.Base64()} }

// Format prints "redacted" for every verb.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, "redacted") }

// MarshalText returns "redacted".
func (Key) MarshalText() ([]byte, error) { return []byte("redacted"), nil }

// LogValue returns "redacted".
func (Key) LogValue() slog.Value { return slog.StringValue("redacted") }
