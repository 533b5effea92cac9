package uplink

import (
	"crypto/tls"
	"time"

	"fieldpost/internal/clock"
)

// tlsConfig says what a server that calls itself host must prove.
func tlsConfig(id Identity, host string, c clock.Clock) *tls.Config {
	return &tls.Config{
		ServerName: host,
		RootCAs:    id.RootCAs,
		MinVersion: tls.VersionTLS12,
		Time:       func() time.Time { return c.Now().Wall },
	}
}
