package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fieldpost/internal/clock"
)

// Class is the urgency of a record. Its number is stored as one byte and is the
// drain order: a lower class goes first.
type Class byte

const (
	Alarm     Class = 0 // alarms, events and ledger records: on disk before Durable returns
	Result    Class = 1 // results of commands: on disk before the command is settled
	Telemetry Class = 2 // readings: on disk after at most one commit interval, unless delivered before
	Debug     Class = 3 // never on disk; lost with the process

	// Classes is the number of classes.
	Classes = 4
)

// String returns "alarm", "result", "telemetry" or "debug".
func (c Class) String() string {
	switch c {
	case Alarm:
		return "alarm"
	case Result:
		return "result"
	case Telemetry:
		return "telemetry"
	case Debug:
		return "debug"
	default:
		return "class-" + strconv.Itoa(int(c))
	}
}

// Kind says what a record is, for the reader at the far end.
type Kind byte

const (
	KindTelemetry Kind = 1 // one sample of one sensor
	KindEvent     Kind = 2 // something happened on the gateway
	KindResult    Kind = 3 // the result of a command
	KindLedger    Kind = 4 // what was lost, and why
)

// String returns "telemetry", "event", "result" or "ledger".
func (k Kind) String() string {
	switch k {
	case KindTelemetry:
		return "telemetry"
	case KindEvent:
		return "event"
	case KindResult:
		return "result"
	case KindLedger:
		return "ledger"
	default:
		return "kind-" + strconv.Itoa(int(k))
	}
}

// ID names one record for ever. It is given at append, stored with the record
// and never recomputed; its text is the message-id on the wire, so that the
// receiver can drop the duplicates which a resend after a lost settlement makes.
type ID struct {
	Store [8]byte // random, drawn when the state folder was first used
	Epoch uint32  // raised at every start of the agent
	Class Class
	Seq   uint64 // from 1, per epoch and class, without gaps at append
}

// String returns the message-id: store in 16 hex digits, then epoch, class and
// sequence in decimal, joined by dashes.
func (id ID) String() string { return string(id.AppendTo(make([]byte, 0, 48))) }

// AppendTo appends the message-id to b, for those who write many.
func (id ID) AppendTo(b []byte) []byte {
	b = hex.AppendEncode(b, id.Store[:])
	b = strconv.AppendUint(append(b, '-'), uint64(id.Epoch), 10)
	b = strconv.AppendUint(append(b, '-'), uint64(id.Class), 10)
	return strconv.AppendUint(append(b, '-'), id.Seq, 10)
}

// ParseID reads what ID.String wrote.
func ParseID(s string) (ID, error) {
	bad := fmt.Errorf("message-id %q is not <store 16 hex>-<epoch>-<class>-<seq>", s)
	f := strings.Split(s, "-")
	if len(f) != 4 || len(f[0]) != 16 {
		return ID{}, bad
	}
	var id ID
	for i := range id.Store {
		b, err := strconv.ParseUint(f[0][2*i:2*i+2], 16, 8)
		if err != nil {
			return ID{}, bad
		}
		id.Store[i] = byte(b)
	}
	epoch, err1 := strconv.ParseUint(f[1], 10, 32)
	class, err2 := strconv.ParseUint(f[2], 10, 8)
	seq, err3 := strconv.ParseUint(f[3], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil || class >= Classes {
		return ID{}, bad
	}
	id.Epoch, id.Class, id.Seq = uint32(epoch), Class(class), seq
	if id.String() != s {
		return ID{}, bad
	}
	return id, nil
}

// Record is one message for the hub. The caller fills everything but the ID,
// of which it sets Class only; Append gives the rest.
type Record struct {
	ID
	Kind          Kind
	Stamp         clock.Stamp       // when it happened
	CorrelationID string            // message-id of the command that caused it, or empty
	Subject       string            // the sensor, sent as dt-subject, or empty
	ContentType   string            // MIME type of Body, "application/json" for telemetry
	Props         map[string]string // application properties
	Body          []byte
}

// Errors that callers act on.
var (
	// ErrVolatile is returned by Ticket.Durable for a record of class Debug, which is never on disk.
	ErrVolatile = errors.New("record is kept in memory only")
	// ErrLost is returned by Ticket.Durable for a record that was evicted before it became durable.
	ErrLost = errors.New("record was lost before it became durable")
	// ErrRefused is returned by Append for a record that cannot be queued: too large, or no room for its class.
	ErrRefused = errors.New("record refused")
	// ErrClosed is returned by calls made after Run has ended.
	ErrClosed = errors.New("store is closed")
	// ErrDiskFull is returned by Journal.Begin when the intent cannot be put on disk.
	ErrDiskFull = errors.New("no room on disk")
)

// Want says what Next may hand out.
type Want struct {
	Records   int     // at most this many; default 1
	Bytes     int     // at most this many bytes of bodies and properties, but always one record; 0 = no limit
	LiveFirst bool    // newest-epoch, just-appended records before the backlog, within each class
	Classes   []Class // only these; nil = all, in drain order
}

// Command is what the journal knows of a cloud-to-device message.
type Command struct {
	MessageID  string    // as the sender gave it, or empty
	Seq        uint64    // x-opt-sequence-number: the hub's own number of this message
	EnqueuedAt time.Time // iothub-enqueuedtime
	Door       string    // the way it came: "devicebound"
	Name       string    // name of the action, empty when undecodable
}

// Phase is how far a command had come before this delivery.
type Phase byte

const (
	PhaseNew       Phase = iota // never seen: execute
	PhaseStarted                // begun, no outcome on disk: the agent ended in between
	PhaseDone                   // this very message has an outcome: settle again
	PhaseDuplicate              // another message with the same message-id has an outcome, or is begun: same outcome, no effect
)

// String returns "new", "started", "done" or "duplicate".
func (p Phase) String() string {
	return [...]string{"new", "started", "done", "duplicate"}[p&3]
}

// State is what Journal.Begin found.
type State struct {
	Phase   Phase
	Outcome Outcome // set for PhaseDone, and for PhaseDuplicate of a finished command
	Unsure  bool    // the journal was lost after the command was enqueued: if PhaseNew it may have been begun, if PhaseStarted it may be done
}

// Verdict is the outcome the sender of a command is told.
type Verdict byte

const (
	Pending   Verdict = iota // no outcome yet
	Completed                // settled as accepted
	Rejected                 // settled as rejected, with Condition and Reason
)

// String returns "pending", "completed" or "rejected".
func (v Verdict) String() string {
	return [...]string{"pending", "completed", "rejected", "unknown"}[v&3]
}

// Outcome is how a command ended.
type Outcome struct {
	Verdict   Verdict
	Condition string // AMQP error condition when rejected, e.g. "amqp:not-found"
	Reason    string // for a person, when rejected
}
