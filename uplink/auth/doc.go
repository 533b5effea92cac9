// Package auth proves to an IoT hub who we are: connection strings, shared
// access signatures and the exchange with the hub's $cbs node, certificates; and
// to a proxy on the way there.
//
// The types in the order they are met: ParseConnectionString reads the one line
// that a technician copies from the portal into a ConnectionString. Its Key
// signs a Token for a resource such as "<host>/devices/<id>", and PutToken hands
// that token to the hub over an AMQP connection that is open already. When the
// hub refuses, the error is a *RefusedError with the hub's status and words.
//
// ParseCertificate reads what proves a device in the TLS handshake instead of a
// token, and ParseLogin what an HTTP proxy wants.
//
// Key, Token and Login print as "redacted" with every verb, in JSON, in text and
// in slog, also when they are a field of something else that is printed; a
// Certificate prints as whose it is. The only way to the text of a token is
// Token.Reveal. No error of this package contains a secret or a piece of one.
//
// Nothing here starts a goroutine, reads the environment or looks at the clock:
// the expiry of a token is the caller's business. PutToken blocks until the hub
// has answered or its context ends.
//
// Limits: private keys are read from PEM without a passphrase; proxies get the
// Basic scheme.
package auth
