package hub

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"time"
)

// Options configure a Hub. The zero value is a hub in memory on a free port of
// the loopback interface.
type Options struct {
	// Listen is the TCP address of the one TLS listener. "none" opens
	// no socket: connections come from Dial alone, also in the virtual time of
	// testing/synctest. Default "127.0.0.1:0".
	Listen string
	// HostName is the name the hub goes by in connection strings, audiences and
	// its certificate; its first label is the hub name in SASL PLAIN user names.
	// Default "localhost".
	HostName string
	// Dir keeps the certificate authority, the devices, all keys and the twins
	// over restarts. A change of a twin is written about a second later, and when
	// Run ends: a hub that is killed loses the last ones. Queues, feedback and the
	// telemetry log are never kept. Default "" (everything in memory).
	Dir string

	// Certificate is the server's own, with its chain, in place of one made by an
	// authority of the hub; it must be good for HostName. CAPEM is then the last
	// certificate of the chain. Default nil (an authority of the hub makes it).
	Certificate *tls.Certificate
	// DeviceCAs are the authorities that vouch for devices registered with
	// AuthAuthority. Default nil (none).
	DeviceCAs *x509.CertPool
	// NoWebSocket leaves AMQP over WebSocket out. Default false: it is served on the
	// same listener.
	NoWebSocket bool

	// Partitions of the telemetry log. Default 4.
	Partitions int
	// ConsumerGroups are the names under which the log may be read, beside
	// $Default. Default none.
	ConsumerGroups []string
	// LogBytes bounds the telemetry log in memory; each partition has an equal
	// share. What is older is spilled, or dropped where nothing is spilled.
	// Default 64 MiB, in bytes.
	LogBytes int64
	// SpillDir is the folder for what LogBytes has no room for, in files that go
	// with the hub. Default "" (nothing is spilled).
	SpillDir string
	// SpillBytes bounds the files in SpillDir; each partition has an equal share
	// and drops its oldest events first. Default 1 GiB, in bytes.
	SpillBytes int64

	// LockFor is how long a delivered cloud-to-device or feedback message stays
	// locked to its receiver. Default 60 s.
	LockFor time.Duration
	// RedeliverAfter is the time from the release of a message to its next
	// delivery. Default 300 ms.
	RedeliverAfter time.Duration
	// MaxDelivery is how many releases send a message to the dead letters. Default
	// 10 deliveries.
	MaxDelivery int
	// DefaultTTL is the life of a cloud-to-device message without an expiry time
	// of its own, and of a feedback record nobody reads. Default 1 h.
	DefaultTTL time.Duration
	// FeedbackEvery is the longest time a feedback record waits for others to
	// share its message. Default 15 s.
	FeedbackEvery time.Duration

	// DeviceFeedbackLink lets a device send feedback records on a link of its own
	// to /messages/serviceBound/feedback, as one table of the cloud's
	// documentation has it and no real hub is known to allow. Of two records
	// about one message of one device, the hub's own and the device's, the first
	// is kept. Default false: the link is refused.
	DeviceFeedbackLink bool

	// ClockSkew is how long past its expiry a token is still good; negative means
	// not at all. Default 5 min.
	ClockSkew time.Duration
	// MaxConnections bounds the connections served at one time; one more is
	// closed unread. Default 4096 connections.
	MaxConnections int

	// Faults are how the hub misbehaves from the start of Run on, at most 256.
	// Default none.
	Faults []Fault

	// KeyLog gets the TLS secrets in NSS key log format, for a wire decoder.
	// Default nil (none).
	KeyLog io.Writer
	// Outcome decides what happens to each telemetry event. A batch has one outcome:
	// the first that keeps an event out of the log, else the first that is not
	// Accept. Outcome runs on the goroutine of the connection, which it holds up, and
	// for several connections at a time.
	// Default nil (accept all).
	Outcome func(Event) Settlement
	// Log gets what the hub does. Default nil (nothing).
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.Listen, "127.0.0.1:0")
	setDefault(&o.HostName, "localhost")
	setDefault(&o.Partitions, 4)
	setDefault(&o.LogBytes, 64<<20)
	setDefault(&o.SpillBytes, 1<<30)
	setDefault(&o.LockFor, time.Minute)
	setDefault(&o.RedeliverAfter, 300*time.Millisecond)
	setDefault(&o.MaxDelivery, 10)
	setDefault(&o.DefaultTTL, time.Hour)
	setDefault(&o.FeedbackEvery, 15*time.Second)
	setDefault(&o.ClockSkew, 5*time.Minute)
	setDefault(&o.MaxConnections, 4096)
	if o.ClockSkew < 0 {
		o.ClockSkew = 0
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
