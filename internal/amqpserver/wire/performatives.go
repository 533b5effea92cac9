package wire

// Body is the decoded body of one AMQP or SASL frame: a pointer to one of the
// structs Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close,
// SASLMechanisms, SASLInit, SASLChallenge, SASLResponse, SASLOutcome.
type Body interface {
	code() uint64
	write(w *fieldWriter)
	read(f *fields)
}

// Role tells which end of a link speaks: false is the sender, true the receiver.
type Role bool

// The two roles (spec 2.8.1).
const (
	RoleSender   Role = false
	RoleReceiver Role = true
)

// String returns "sender" or "receiver".
func (r Role) String() string {
	if r == RoleReceiver {
		return "receiver"
	}
	return "sender"
}

// Settle modes of the two ends of a link (spec 2.8.2, 2.8.3).
const (
	SndUnsettled uint8 = 0
	SndSettled   uint8 = 1
	SndMixed     uint8 = 2 // default

	RcvFirst  uint8 = 0 // default
	RcvSecond uint8 = 1
)

// Open is the first frame of a connection (spec 2.7.1).
type Open struct {
	ContainerID         string
	Hostname            string
	MaxFrameSize        uint32 // bytes; absent reads as 4294967295, 0 is written as absent
	ChannelMax          uint16 // absent reads as 65535
	IdleTimeout         uint32 // milliseconds; 0 is absent
	OutgoingLocales     []Symbol
	IncomingLocales     []Symbol
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Map
}

// Begin starts a session (spec 2.7.2).
type Begin struct {
	RemoteChannel       *uint16 // set in the answer only
	NextOutgoingID      uint32
	IncomingWindow      uint32 // transfer frames
	OutgoingWindow      uint32 // transfer frames
	HandleMax           uint32 // absent reads as 4294967295
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Map
}

// Attach starts a link (spec 2.7.3).
type Attach struct {
	Name                 string
	Handle               uint32
	Role                 Role
	SndSettleMode        uint8 // absent reads as SndMixed
	RcvSettleMode        uint8 // absent reads as RcvFirst
	Source               *Source
	Target               *Target
	Coordinator          bool // the target is a transaction coordinator; Target is nil then
	Unsettled            Map
	IncompleteUnsettled  bool
	InitialDeliveryCount *uint32 // mandatory from a sender
	MaxMessageSize       uint64  // bytes; 0 is absent: no limit
	OfferedCapabilities  []Symbol
	DesiredCapabilities  []Symbol
	Properties           Map
}

// Flow carries the state of a session and, with a handle, of one of its links
// (spec 2.7.4).
type Flow struct {
	NextIncomingID *uint32
	IncomingWindow uint32 // transfer frames
	NextOutgoingID uint32
	OutgoingWindow uint32 // transfer frames
	Handle         *uint32
	DeliveryCount  *uint32
	LinkCredit     *uint32
	Available      *uint32
	Drain          bool
	Echo           bool
	Properties     Map
}

// Transfer carries a message or a part of one (spec 2.7.5).
type Transfer struct {
	Handle        uint32
	DeliveryID    *uint32
	DeliveryTag   []byte // at most 32 bytes
	MessageFormat *uint32
	Settled       bool
	More          bool
	RcvSettleMode *uint8
	State         DeliveryState
	Resume        bool
	Aborted       bool
	Batchable     bool

	// Payload is what follows the performative in the frame. After ParseBody it
	// shares the memory of the frame.
	Payload []byte
}

// Disposition tells the state of deliveries First to Last (spec 2.7.6).
type Disposition struct {
	Role      Role
	First     uint32
	Last      *uint32 // absent means First
	Settled   bool
	State     DeliveryState
	Batchable bool
}

// Detach ends a link (spec 2.7.7).
type Detach struct {
	Handle uint32
	Closed bool
	Error  *Error
}

// End ends a session (spec 2.7.8).
type End struct {
	Error *Error
}

// Close ends a connection (spec 2.7.9).
type Close struct {
	Error *Error
}
