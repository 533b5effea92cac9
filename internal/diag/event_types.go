package diag

import "time"

// Types of an Event.
const (
	EventReading = "reading" // a reading was queued
	EventSettled = "settled" // what became of records since the last event of this type
	EventCommand = "command" // a command begins or has ended
	EventLink    = "link"    // the link to the hub changed its phase
	EventSensor  = "sensor"  // a sensor changed its condition
	EventPart    = "part"    // a part of the chain changed its state
	EventQueue   = "queue"   // the depth of the queue, every second
	EventDropped = "dropped" // this reader was too slow
)

// EventTypes lists the types that can be asked for. EventDropped comes to every
// reader that it concerns.
func EventTypes() []string {
	return []string{EventReading, EventSettled, EventCommand, EventLink, EventSensor, EventPart, EventQueue}
}

// Event is one event of GET /v1/events. Beside ID, Type and At it has the member
// that its type names, and no other.
type Event struct {
	ID   uint64    `json:"id"`          // ascends while the agent runs; types not asked for leave gaps
	Type string    `json:"type"`        // one of the Event constants
	At   time.Time `json:"at,omitzero"` // by the agent's clock of that moment; see Agent.Clock for what it is worth

	Reading *EventOfReading `json:"reading,omitempty"`
	Settled *EventOfSettled `json:"settled,omitempty"`
	Command *EventOfCommand `json:"command,omitempty"`
	Link    *Link           `json:"link,omitempty"`
	Sensor  *Change         `json:"sensor,omitempty"`
	Part    *Change         `json:"part,omitempty"`
	Queue   *EventOfQueue   `json:"queue,omitempty"`
	Dropped *EventOfDropped `json:"dropped,omitempty"`
}

// EventOfReading is a reading that was queued.
type EventOfReading struct {
	Sensor       string    `json:"sensor"`
	MessageID    string    `json:"message_id"`
	At           time.Time `json:"at,omitzero"`             // of the sample, as far as is known now
	UncertaintyS float64   `json:"uncertainty_s,omitempty"` // of At
	Values       []Value   `json:"values"`
}

// EventOfSettled counts what became of records. MessageIDs and Refused hold the
// first of many.
type EventOfSettled struct {
	Accepted   uint64       `json:"accepted"`              // by the hub
	Dead       uint64       `json:"dead"`                  // dead letters made
	Lost       uint64       `json:"lost"`                  // given up; the ledger has the reason
	Resent     uint64       `json:"resent"`                // handed back, and still queued
	MessageIDs []string     `json:"message_ids,omitempty"` // of Accepted, at most MaxEventIDs
	Refused    []DeadLetter `json:"refused,omitempty"`     // of Dead, at most MaxEventIDs
}

// MaxEventIDs is how many records an EventOfSettled names.
const MaxEventIDs = 16

// EventOfCommand is one end of a command.
type EventOfCommand struct {
	Step      string  `json:"step"` // begun or finished
	MessageID string  `json:"message_id"`
	Name      string  `json:"name,omitempty"`
	Door      string  `json:"door"`
	Outcome   string  `json:"outcome,omitempty"` // of a finished one: completed, rejected, abandoned
	Condition string  `json:"condition,omitempty"`
	Reason    string  `json:"reason,omitempty"`
	DurationS float64 `json:"duration_s,omitempty"` // of the action, in seconds
	Again     bool    `json:"again,omitempty"`      // the outcome is that of an earlier delivery
}

// EventOfQueue is how much waits for the hub.
type EventOfQueue struct {
	Depth      uint64  `json:"depth"`
	Bytes      int64   `json:"bytes"`
	OldestAgeS float64 `json:"oldest_age_s"`
	AtRiskS    float64 `json:"at_risk_s"`
	InFlight   int     `json:"in_flight"` // transfers that the hub has not answered
}

// EventOfDropped tells a reader what it did not take in time.
type EventOfDropped struct {
	Events uint64 `json:"events"` // that are missing here
}

// Change is a part of the chain, or a sensor, that is not as it was.
type Change struct {
	At         time.Time `json:"at,omitzero"` // by the agent's clock of that moment
	UptimeS    float64   `json:"uptime_s"`    // of the agent, whatever the clock reads
	Part       string    `json:"part,omitempty"`
	Sensor     string    `json:"sensor,omitempty"`
	Bus        string    `json:"bus,omitempty"` // of the sensor
	State      string    `json:"state"`         // of a part: a State; of a sensor: its condition
	Was        string    `json:"was,omitempty"` // empty for the first
	Reason     string    `json:"reason,omitempty"`
	Hint       string    `json:"hint,omitempty"`
	WaitingFor string    `json:"waiting_for,omitempty"`
}

// History is the answer of GET /v1/history.
type History struct {
	Changes   []Change `json:"changes"`             // the oldest first
	Forgotten uint64   `json:"forgotten,omitempty"` // older ones that had to go
}

// MaxHistory is how many changes a History holds.
const MaxHistory = 500
