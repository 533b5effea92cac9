package amqpserver

import (
	"log/slog"
	"math"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// Options configures one connection. Zero fields take their defaults.
type Options struct {
	ContainerID        string        // container-id of our open; default "amqpserver"
	Hostname           string        // hostname of our open; default absent
	MaxFrameSize       uint32        // largest frame read, at least 512; default 65536 bytes
	ChannelMax         uint16        // highest channel a peer may use; default 8191
	HandleMax          uint32        // highest handle a peer may use; default 262143
	IdleTimeout        time.Duration // a peer silent for this long is closed; negative = never; default 240 s
	IncomingWindow     uint32        // session window granted to the peer; default 5000 transfer frames
	BareFlow           bool          // whether flow frames lack next-incoming-id, which is against the specification; default false
	EchoOutgoingWindow bool          // whether a session announces the peer's own outgoing-window as ours; default false: IncomingWindow
	MaxMessageSize     uint64        // largest message assembled; default 1048576 bytes
	MaxSessions        int           // sessions per connection; default 1024
	MaxLinks           int           // links per session; default 1024
	MaxConnectionLinks int           // links per connection, over all its sessions; default 4096
	MaxUnsettled       uint32        // unsettled deliveries per link, in each direction; default 5000
	MaxSending         int           // messages of ours per connection, over all its links, that wait or are unsettled; default 16384
	MaxReassembly      int           // unfinished incoming deliveries per connection; default 4194304 bytes
	MaxQueue           int           // frames not yet written per connection, at least 131072; default 4194304 bytes
	HandshakeTimeout   time.Duration // from the first byte to the peer's open; default 30 s
	WriteTimeout       time.Duration // for one write; default 30 s
	CloseTimeout       time.Duration // for the peer's answer to our close; default 5 s
	Mechanisms         []wire.Symbol // SASL mechanisms offered; default none: a SASL header is refused
	Welcome            []byte        // additional-data of a SASL outcome that is ok; default absent
	Handler            Handler       // required

	// Heartbeat returns our longest silence towards a peer with this idle-time-out, 0
	// for one that announced none; 0 is any silence. Default: two fifths of it.
	Heartbeat func(peerIdle time.Duration) time.Duration

	Log *slog.Logger // default slog.Default()
}

const (
	minQueue = 128 << 10
	// bulkQueue is how far the queue is filled with transfers. What lies between
	// it and MaxQueue is kept for the frames that cannot wait.
	bulkQueue = 64 << 10
	// pendingRoom is how many bytes may wait on a link before Send takes no more, and
	// connectionRoom on all links of a connection. A peer that gives much credit and a
	// small window must not make the engine keep all that its credit allows.
	pendingRoom    = 4 << 20
	connectionRoom = 16 << 20
	// maxAttachText bounds what stays of an attach: names, addresses and policies, in
	// bytes.
	maxAttachText = 4096
)

func (o Options) withDefaults() Options {
	orDefault(&o.ContainerID, "amqpserver")
	orDefault(&o.MaxFrameSize, 65536)
	o.MaxFrameSize = max(o.MaxFrameSize, wire.MinMaxFrameSize)
	orDefault(&o.ChannelMax, 8191)
	orDefault(&o.HandleMax, 262143)
	orDefault(&o.IdleTimeout, 240*time.Second)
	o.IdleTimeout = min(o.IdleTimeout, math.MaxUint32*time.Millisecond)
	orDefault(&o.IncomingWindow, 5000)
	orDefault(&o.MaxMessageSize, 1<<20)
	orDefault(&o.MaxSessions, 1024)
	orDefault(&o.MaxLinks, 1024)
	orDefault(&o.MaxConnectionLinks, 4096)
	orDefault(&o.MaxUnsettled, 5000)
	orDefault(&o.MaxSending, 16384)
	orDefault(&o.MaxReassembly, 4<<20)
	orDefault(&o.MaxQueue, 4<<20)
	o.MaxQueue = max(o.MaxQueue, minQueue)
	orDefault(&o.HandshakeTimeout, 30*time.Second)
	orDefault(&o.WriteTimeout, 30*time.Second)
	orDefault(&o.CloseTimeout, 5*time.Second)
	if o.Heartbeat == nil {
		o.Heartbeat = heartbeatEvery
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

func orDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}
