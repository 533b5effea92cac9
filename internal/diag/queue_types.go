package diag

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

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

// QueueReport is the answer of GET /v1/queue: the queue of Status, and what
// stands in its files.
type QueueReport struct {
	Queue
	Store
	AtRiskS     float64      `json:"at_risk_s"`
	Commits     uint64       `json:"commits"`
	Syncs       uint64       `json:"syncs"`
	LastError   string       `json:"last_error,omitempty"`
	Losses      []Loss       `json:"losses"`
	DeadLetters []DeadLetter `json:"dead_letters"`
}

// Store is how the queue's file is, what a power cut would take, and what the
// file costs the disk.
type Store struct {
	Ready          bool               `json:"ready"`              // the file is open
	Opening        string             `json:"opening,omitempty"`  // what is being done while it is not
	Progress       *Progress          `json:"progress,omitempty"` // of that, where it can be told
	AtRiskByClassS map[string]float64 `json:"at_risk_by_class_s,omitempty"`
	CommitEveryS   float64            `json:"commit_every_s"`      // telemetry is on disk after at most this, in seconds, as it is now
	Stretched      string             `json:"stretched,omitempty"` // why that is longer than configured
	WrittenToday   int64              `json:"written_today_bytes"` // estimate of what the disk was given
	WriteBudget    int64              `json:"write_budget_bytes"`  // per day
	StoredBytes    int64              `json:"stored_bytes"`        // records and dead letters on disk
	MaxBytes       int64              `json:"max_bytes"`           // of which so much at most, as in force; 0 = not known yet
	ReserveBytes   int64              `json:"reserve_bytes"`       // of these, what telemetry leaves to the other classes
	Full           string             `json:"full,omitempty"`      // why the file cannot grow: telemetry makes room for itself
	DiskBytes      int64              `json:"disk_bytes"`          // size of the file
	FreeBytes      int64              `json:"free_bytes"`          // on its file system; 0 = unknown
}

// Progress is how far a step is that takes its time.
type Progress struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0 = unknown
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
	Class     string    `json:"class"`
	Subject   string    `json:"subject,omitempty"` // the sensor
	Cause     string    `json:"cause"`             // in the hub's words
	At        time.Time `json:"at,omitzero"`       // of the refusal
	Bytes     int       `json:"bytes"`             // of the body
}

// DeadLetters is the answer of GET /v1/queue/dead: without bodies.
type DeadLetters struct {
	DeadLetters []DeadLetter `json:"dead_letters"`
}

// DeadRecord is the answer of GET /v1/queue/dead/show: one dead letter, whole.
type DeadRecord struct {
	Record
	Cause     string    `json:"cause"`               // in the hub's words
	RefusedAt time.Time `json:"refused_at,omitzero"` // by the agent's clock of that moment
}

// Selection names dead letters: some, or all. It is the body of POST
// /v1/queue/dead/retry and /v1/queue/dead/drop.
type Selection struct {
	IDs []string `json:"ids,omitempty"` // message-ids
	All bool     `json:"all,omitempty"`
}

// Changed is the answer to a Selection.
type Changed struct {
	Count int `json:"count"` // dead letters that are none any more
}

// Peek is what GET /v1/queue/peek asks for.
type Peek struct {
	Class string // one of Classes, or empty for all
	N     int    // 1 to MaxPeek
}

// Classes returns the classes of records in the order in which they are drained.
func Classes() []string { return []string{"alarm", "result", "telemetry", "debug"} }

// MaxPeek is the most records that one peek returns.
const MaxPeek = 100

// Peeked is the answer of GET /v1/queue/peek: the records that are drained next.
type Peeked struct {
	Records []Record `json:"records"`
	More    bool     `json:"more,omitempty"` // some of those asked for were left out, because the answer would be too large

	Incomplete string `json:"incomplete,omitempty"` // why there may be records before and between these
}

// Record is one record of the queue, and one line of GET /v1/queue/export. A body
// that is JSON stands in Body, any other in BodyBase64; both are empty when it is.
type Record struct {
	MessageID     string            `json:"message_id"`
	Class         string            `json:"class"`
	Kind          string            `json:"kind"`
	At            time.Time         `json:"at,omitzero"`             // when it happened, as far as is known now
	UncertaintyS  float64           `json:"uncertainty_s,omitempty"` // of At
	Subject       string            `json:"subject,omitempty"`       // the sensor
	CorrelationID string            `json:"correlation_id,omitempty"`
	ContentType   string            `json:"content_type,omitempty"`
	Properties    map[string]string `json:"properties,omitempty"`
	Body          json.RawMessage   `json:"body,omitempty"`
	BodyBase64    []byte            `json:"body_base64,omitempty"`
}

// SetBody puts body where it belongs.
func (r *Record) SetBody(body []byte) {
	r.Body, r.BodyBase64 = nil, nil
	if json.Valid(body) && utf8.Valid(body) {
		r.Body = body
	} else {
		r.BodyBase64 = body
	}
}

// Flushed is the answer of POST /v1/flush: what is on disk now.
type Flushed struct {
	Queued  uint64  `json:"queued"`
	AtRiskS float64 `json:"at_risk_s"`
}
