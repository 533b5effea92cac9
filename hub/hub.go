package hub

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"

	"fieldpost/internal/amqpserver"
)

// Hub is one IoT Hub. All methods are safe for concurrent use.
type Hub struct {
	opts     Options
	log      *slog.Logger
	names    hostNames
	caPEM    []byte
	tls      *tls.Config
	door     *door
	registry *registry
	twins    *twinFile
	events   *eventLog
	groups   *consumerGroups
	feedback *feedbackQueue
	faults   *faultSet
	engine   amqpserver.Options
}

// New makes a hub. It opens the listener, so that Addr is known, and with
// Options.Dir it reads or makes the files there; it serves nothing before Run.
func New(opts Options) (*Hub, error) {
	opts = opts.withDefaults()
	if err := checkSpillDir(opts.SpillDir); err != nil {
		return nil, err
	}
	groups, err := newConsumerGroups(opts.ConsumerGroups)
	if err != nil {
		return nil, err
	}
	if len(opts.Faults) > maxFaults {
		return nil, fmt.Errorf("%d faults: a hub has at most %d", len(opts.Faults), maxFaults)
	}
	kept, err := openState(opts.Dir)
	if err != nil {
		return nil, err
	}
	cert, caPEM, err := opts.certificate()
	if err != nil {
		return nil, err
	}
	d, err := openDoor(opts.Listen, opts.MaxConnections)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		opts:  opts,
		log:   opts.Log,
		names: newHostNames(opts.HostName, d.port),
		caPEM: caPEM,
		tls: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{cert},
			KeyLogWriter: opts.KeyLog,
			// Whose certificate it is and who stands behind it, the registry knows.
			ClientAuth:            tls.RequestClientCert,
			VerifyPeerCertificate: boundChain,
		},
		door:   d,
		groups: groups,
	}
	h.faults = newFaultSet(h)
	h.events = newEventLog(opts, h.faults.now)
	h.feedback = newFeedbackQueue(opts, h.faults.now)
	h.twins = newTwinFile(h)
	h.registry, err = newRegistry(h, kept)
	if err != nil {
		d.close()
		return nil, err
	}
	h.twins.restore()
	h.engine = amqpserver.Options{
		ContainerID:    "DeviceGateway_" + newTrackingID(),
		Hostname:       opts.HostName,
		Mechanisms:     saslMechanisms(),
		Welcome:        []byte(saslWelcome),
		MaxMessageSize: maxTransfer,
		Handler:        handler{hub: h},
		Heartbeat:      heartbeat,
		Log:            opts.Log,

		EchoOutgoingWindow: true,
	}
	return h, nil
}

// Run serves until ctx ends, then closes every connection and returns nil. A
// hub runs once.
func (h *Hub) Run(ctx context.Context) error {
	h.log.Info("hub listening", "addr", h.Addr(), "host", h.HostName())
	for _, f := range h.opts.Faults {
		h.Inject(f)
	}
	h.door.serve(ctx, h.log, h.serve)
	h.close()
	return nil
}

// close writes the twins that wait for it and stops all timers; what the others
// would have done is lost with the memory they would have done it to.
func (h *Hub) close() {
	h.faults.close()
	h.twins.close()
	h.feedback.close()
	h.events.close()
	for _, d := range h.registry.all() {
		d.queue.close()
		d.methods.close()
	}
}

// Addr returns the host:port of the listener, also while it is cut, or "none".
func (h *Hub) Addr() string { return h.door.addr }

// HostName returns the host name of the connection strings: with the port
// unless that is 5671.
func (h *Hub) HostName() string { return h.names.public() }

// CAPEM returns the certificate of the authority that signed the hub's own, for
// the trust store of clients.
func (h *Hub) CAPEM() []byte { return append([]byte(nil), h.caPEM...) }

// TLSConfig returns how the hub proves itself, for another listener of the same
// name.
func (h *Hub) TLSConfig() *tls.Config { return h.tls.Clone() }

// ServiceConnectionString returns the connection string of the policy service,
// key included.
func (h *Hub) ServiceConnectionString() string {
	return fmt.Sprintf("HostName=%s;SharedAccessKeyName=%s;SharedAccessKey=%s",
		h.HostName(), policyService, h.registry.policies[policyService].primary.Base64())
}

// Cut closes the listener and every TCP connection; the hub loses nothing of
// what it holds. Restore ends it.
func (h *Hub) Cut() { h.door.cut() }

// Restore listens again on the same address. It fails when the port was taken
// meanwhile, and may then be called again.
func (h *Hub) Restore() error { return h.door.restore() }

// Connections returns how many connections are open.
func (h *Hub) Connections() int { return h.door.count() }
