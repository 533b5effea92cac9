package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/uplink/auth"
)

// explained is an error whose maker knows better what it means than its type
// can tell.
type explained struct {
	error
	diagnosis
}

func (e *explained) Unwrap() error { return e.error }

// hinter is what an error of LinkOptions.Identity or Route.Proxy may be, to say
// what a person should do.
type hinter interface {
	error
	Hint() string
}

// hintOf returns the hint that err brings along, or other.
func hintOf(err error, other string) string {
	var h hinter
	if errors.As(err, &h) && h.Hint() != "" {
		return h.Hint()
	}
	return other
}

// explainOpen tells a refused SASL exchange from a connection that broke. The
// AMQP library has no type for it, only these words.
func (id Identity) explainOpen(err error) error {
	switch text := err.Error(); {
	case strings.HasPrefix(text, "SASL PLAIN auth failed with code 0x1:"):
		return id.explainGiven(&auth.RefusedError{Status: 401, Description: "SASL PLAIN"})
	case strings.HasPrefix(text, "SASL PLAIN auth failed"):
		return &explained{err, diagnosis{cause: CauseHub, slow: true}}
	case strings.HasPrefix(text, "no supported auth mechanism"):
		return &explained{err, diagnosis{cause: CauseHub, slow: true, hint: "the hub does not offer this way to authenticate: set hub.sas to the other one"}}
	default:
		return err
	}
}

// explainToken adds what a refusal at $cbs or its silence means.
func (id Identity) explainToken(err error, now clock.Stamp) error {
	switch ends := id.Token.Expiry(); {
	case errors.Is(err, context.DeadlineExceeded):
		return &explained{err, diagnosis{cause: CauseHub, hint: "the hub takes connections and does not answer a token: it is tried again"}}
	case identityRefused(err) && id.Key.IsZero() && !ends.IsZero() && now.Wall.After(ends):
		return &explained{fmt.Errorf("the given token ended on %s: %w", ends.UTC().Format(time.RFC3339), err),
			diagnosis{cause: CauseIdentity, refused: true, hint: "a new token has to be put in place; it is used at once"}}
	default:
		return id.explainGiven(err)
	}
}

// explainGiven says of a refusal that the token was given: no other can be made.
func (id Identity) explainGiven(err error) error {
	if identityRefused(err) && id.Key.IsZero() {
		return &explained{err, diagnosis{cause: CauseIdentity, refused: true, hint: hintGiven}}
	}
	return err
}

// explainCertificate says whose certificate a TLS alert is about.
func (id Identity) explainCertificate(err error) error {
	var alert tls.AlertError
	if id.Certificate.IsZero() || !errors.As(err, &alert) || !strings.Contains(alert.Error(), "certificate") {
		return err
	}
	return &explained{fmt.Errorf("%v is refused: %w", id.Certificate, err), diagnosis{cause: CauseIdentity, refused: true,
		hint: hintCertificate}}
}
