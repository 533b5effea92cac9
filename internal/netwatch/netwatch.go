// Package netwatch tells when the network of this machine may have come back: a
// line got its carrier, or a default route appeared. That is a reason to try at
// once what was to wait, and no promise that it works.
package netwatch

// Watch calls Came when the network may have come back.
type Watch struct {
	Came func() // must not block; no default
}
