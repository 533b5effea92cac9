package diag

import (
	"encoding/json"
	"math"
	"time"
)

// Version is the version of the wire types and of the prefix of their routes.
const Version = 1

// State is how a part of the chain does.
type State string

const (
	OK      State = "ok"
	Broken  State = "broken"  // this part needs someone, or heals alone: its reason says
	Waiting State = "waiting" // cannot work before another part does, or has only begun
	Off     State = "off"     // not configured
)

// Part is one link of the chain from the board to the hub.
type Part struct {
	Part       string `json:"part"` // board, buses, sensors, store, network, identity, hub
	State      State  `json:"state"`
	Reason     string `json:"reason,omitempty"`      // why it is not ok, or a detail of what is
	Hint       string `json:"hint,omitempty"`        // the next move of a person
	WaitingFor string `json:"waiting_for,omitempty"` // the part it waits for
}

// Status is the answer of GET /v1/status.
type Status struct {
	OK      bool    `json:"ok"`        // every part is ok or off
	Broken  string  `json:"broken"`    // first broken part, or empty
	Chain   []Part  `json:"chain"`     // in order
	Queue   Queue   `json:"queue"`     // what is not yet with the hub
	AtRiskS float64 `json:"at_risk_s"` // age of the oldest record that a power cut would take, in seconds
	Link    Link    `json:"link"`
	Agent   Agent   `json:"agent"`
}

// Queue counts records. Produced = Delivered + Depth + Dead + Lost, in all and
// per class; Refused ones were never produced.
type Queue struct {
	Depth      uint64            `json:"depth"`
	OldestAgeS float64           `json:"oldest_age_s"` // of the oldest queued record, in seconds
	ByClass    map[string]Counts `json:"by_class"`     // keys: alarm, result, telemetry, debug
	Produced   uint64            `json:"produced"`
	Delivered  uint64            `json:"delivered"`
	Dead       uint64            `json:"dead"`
	Lost       uint64            `json:"lost"`
	LostBy     map[string]uint64 `json:"lost_by,omitempty"` // by reason; sums to Lost
	Refused    uint64            `json:"refused"`
}

// Counts is the equation of one class of records.
type Counts struct {
	Produced  uint64 `json:"produced"`
	Delivered uint64 `json:"delivered"`
	Queued    uint64 `json:"queued"`
	Dead      uint64 `json:"dead"`
	Lost      uint64 `json:"lost"`
	Bytes     int64  `json:"bytes"` // of the queued ones
}

// Link is the connection to the hub.
type Link struct {
	Phase          string  `json:"phase"`                       // no-identity, dialing, authorizing, online, waiting
	SinceS         float64 `json:"since_s"`                     // in this phase, in seconds
	NextAttemptInS float64 `json:"next_attempt_in_s,omitempty"` // while waiting, in seconds
	Connects       uint64  `json:"connects"`
	Failures       uint64  `json:"failures"`
	LastError      string  `json:"last_error,omitempty"`
}

// Agent says which agent answers.
type Agent struct {
	Version  string  `json:"version"`
	PID      int     `json:"pid"`
	DeviceID string  `json:"device_id,omitempty"` // as the hub knows it
	Board    string  `json:"board,omitempty"`     // model
	Store    string  `json:"store,omitempty"`     // 16 hex digits, first part of every message-id
	Epoch    uint32  `json:"epoch,omitempty"`     // of this start
	UptimeS  float64 `json:"uptime_s"`
	Clock    string  `json:"clock,omitempty"` // trust in the wall clock: none, plausible, synced
	LogLevel string  `json:"log_level,omitempty"`
}

// Sensors is the answer of GET /v1/sensors.
type Sensors struct {
	Sensors []Sensor `json:"sensors"`
}

// Sensor is one configured sensor.
type Sensor struct {
	Name      string   `json:"name"`
	Source    string   `json:"source"`
	Bus       string   `json:"bus,omitempty"`
	Condition string   `json:"condition"` // starting, ok, failing, hung
	Reason    string   `json:"reason,omitempty"`
	Hint      string   `json:"hint,omitempty"`
	EveryS    float64  `json:"every_s"`
	Samples   uint64   `json:"samples"`
	Failures  uint64   `json:"failures"`
	Missed    uint64   `json:"missed"`                  // samples that were due and not taken
	NextTryS  float64  `json:"next_try_in_s,omitempty"` // while failing, in seconds
	Last      *Reading `json:"last,omitempty"`
}

// Reading is the last sample of a sensor.
type Reading struct {
	At     time.Time `json:"at,omitzero"` // zero while the clock is not to be believed
	AgeS   float64   `json:"age_s"`
	Values []Value   `json:"values"`
}

// Value is one number of a reading.
type Value struct {
	Name    string `json:"name"`
	Unit    string `json:"unit,omitempty"`
	Value   Number `json:"value"`
	Quality string `json:"quality"` // good, suspect, bad
	Reason  string `json:"reason,omitempty"`
}

// Number is a float64 that JSON can always hold: what is no number is null.
type Number float64

// MarshalJSON writes null for NaN and the infinities.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads null as NaN.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// QueueReport is the answer of GET /v1/queue: the queue of Status, and what
// stands in its files.
type QueueReport struct {
	Queue
	Ready       bool         `json:"ready"`             // the file is open
	Opening     string       `json:"opening,omitempty"` // what is being done while it is not
	AtRiskS     float64      `json:"at_risk_s"`
	DiskBytes   int64        `json:"disk_bytes"`
	MaxBytes    int64        `json:"max_bytes"`
	Commits     uint64       `json:"commits"`
	Syncs       uint64       `json:"syncs"`
	LastError   string       `json:"last_error,omitempty"`
	Losses      []Loss       `json:"losses"`
	DeadLetters []DeadLetter `json:"dead_letters"`
}

// Loss is one entry of the loss ledger.
type Loss struct {
	Reason   string    `json:"reason"`
	Class    string    `json:"class"`
	Epoch    uint32    `json:"epoch"`
	FirstSeq uint64    `json:"first_seq"`
	LastSeq  uint64    `json:"last_seq"`
	Count    uint64    `json:"count"`
	Bytes    int64     `json:"bytes"`
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
}

// DeadLetter is a record that the hub refused for itself.
type DeadLetter struct {
	MessageID string    `json:"message_id"`
	Kind      string    `json:"kind"`
	Subject   string    `json:"subject,omitempty"` // the sensor
	Cause     string    `json:"cause"`             // in the hub's words
	At        time.Time `json:"at,omitzero"`
	Bytes     int       `json:"bytes"`
}

// Commands is the answer of GET /v1/commands.
type Commands struct {
	Actions []Action  `json:"actions"`
	Journal []Command `json:"journal"` // newest first
}

// Action is a command that the agent knows.
type Action struct {
	Name    string `json:"name"`
	Help    string `json:"help,omitempty"`
	Allowed bool   `json:"allowed"` // by the configuration
}

// Command is one entry of the command journal.
type Command struct {
	MessageID string    `json:"message_id,omitempty"`
	Seq       uint64    `json:"seq"` // the hub's own number of the message
	Name      string    `json:"name,omitempty"`
	Door      string    `json:"door"`
	Verdict   string    `json:"verdict"` // pending, completed, rejected
	Condition string    `json:"condition,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Enqueued  time.Time `json:"enqueued,omitzero"` // at the hub
	Begun     time.Time `json:"begun,omitzero"`
	Finished  time.Time `json:"finished,omitzero"`
}

// Flushed is the answer of POST /v1/flush: what is on disk now.
type Flushed struct {
	Queued  uint64  `json:"queued"`
	AtRiskS float64 `json:"at_risk_s"`
}

// Contents is the answer of GET /v1/.
type Contents struct {
	Version int     `json:"version"`
	PID     int     `json:"pid"`
	Routes  []Route `json:"routes"`
}

// Route is one line of the table of contents.
type Route struct {
	Method  string `json:"method"`
	Path    string `json:"path"`
	Changes bool   `json:"changes"` // root and the agent's own user only
	Help    string `json:"help"`
}

// Problem is the body of every answer that is not 200.
type Problem struct {
	Message string `json:"error"`
	Hint    string `json:"hint,omitempty"`
}
