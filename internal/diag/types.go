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
	Store   Store   `json:"store"`
	Link    Link    `json:"link"`
	Uplink  Uplink  `json:"uplink"`
	Agent   Agent   `json:"agent"`
	Board   Board   `json:"board"`
}

// Board is the gateway's own hardware.
type Board struct {
	Model    string  `json:"model,omitempty"`
	Serial   string  `json:"serial,omitempty"`
	Revision string  `json:"revision,omitempty"`
	Kernel   string  `json:"kernel,omitempty"`
	Arch     string  `json:"arch,omitempty"` // of the program
	RTC      string  `json:"rtc,omitempty"`  // its clock chip; absent = it has none
	BootID   string  `json:"boot_id,omitempty"`
	UptimeS  float64 `json:"uptime_s"`
	Reset    string  `json:"reset,omitempty"` // why it has started: power-on, restart, watchdog, kernel-panic, unknown

	// Since the queue's file was made.
	Boots   uint32 `json:"boots"`
	Cuts    uint32 `json:"cuts"`               // boots that ended before the agent did: power cuts and resets
	Kills   uint32 `json:"kills"`              // agents that ended without a clean stop in a boot that went on
	LastEnd string `json:"last_end,omitempty"` // of the run before: clean, killed, cut, unknown

	TemperatureC *float64 `json:"temperature_c,omitempty"` // of the processor, in °C
	Supply       *Supply  `json:"supply,omitempty"`        // where it can be asked
	Cards        []Card   `json:"cards,omitempty"`

	Watchdog  Watchdog `json:"watchdog"`
	LastStall *Stall   `json:"last_stall,omitempty"` // of the run before this one
	Light     Light    `json:"light,omitzero"`
}

// Supply is what a Raspberry Pi says of its supply and its speed.
type Supply struct {
	Complete           bool `json:"complete"` // the firmware was asked; else the kernel, which knows undervoltage only
	Undervoltage       Flag `json:"undervoltage"`
	FrequencyCapped    Flag `json:"frequency_capped"`
	Throttled          Flag `json:"throttled"`
	TemperatureLimited Flag `json:"temperature_limited"`
}

// Flag is something that comes and goes.
type Flag struct {
	Now       bool   `json:"now"`
	SinceBoot bool   `json:"since_boot"` // it was so, by the firmware
	Times     uint64 `json:"times"`      // that it began since the start of the agent, as far as was seen
}

// Card is an SD card or an eMMC. What it does not tell is absent.
type Card struct {
	Disk         string `json:"disk"`
	Type         string `json:"type"` // SD or MMC
	Name         string `json:"name,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`      // its number
	Made         string `json:"made,omitempty"`              // month and year
	LifeUsed     int    `json:"life_used_percent,omitempty"` // in steps of ten
	EndOfLife    int    `json:"pre_eol,omitempty"`           // of its spare blocks: 1 = enough, 2 = four fifths are used, 3 = nearly all
}

// Light is the LED that shows the first broken part.
type Light struct {
	Name  string `json:"name"` // as configured
	Fault string `json:"fault,omitempty"`
	Hint  string `json:"hint,omitempty"` // the next move of a person
}

// Watchdog is who starts agent or board anew when a loop does not come round.
type Watchdog struct {
	Device      string  `json:"device,omitempty"`       // as configured
	TimeoutS    float64 `json:"timeout_s,omitempty"`    // how long it waits; absent while it is not open
	SupervisorS float64 `json:"supervisor_s,omitempty"` // how long systemd does; absent when it does not watch
	StallAfterS float64 `json:"stall_after_s"`          // how late a loop may be
	Fault       string  `json:"fault,omitempty"`        // of the device
	Hint        string  `json:"hint,omitempty"`         // the next move of a person
	Late        []Late  `json:"late,omitempty"`
}

// Late is a loop that has not come round in time.
type Late struct {
	Loop    string  `json:"loop"`
	LateS   float64 `json:"late_s"`  // by how much
	Stalled bool    `json:"stalled"` // so that nobody is fed
}

// Stall is a loop that did not come round until the agent, or the board, was made
// to start anew.
type Stall struct {
	Loops []string  `json:"loops"`
	At    time.Time `json:"at,omitzero"` // by the clock of then
	Reset bool      `json:"reset"`       // of the board; else the agent was killed
}

// Link is the connection to the hub.
type Link struct {
	Phase          string  `json:"phase"`                       // clock, no-identity, dialing, authorizing, online, waiting
	Transport      string  `json:"transport,omitempty"`         // of the last connection: amqp, websocket
	SinceS         float64 `json:"since_s"`                     // in this phase, in seconds
	NextAttemptInS float64 `json:"next_attempt_in_s,omitempty"` // while waiting, in seconds
	Connects       uint64  `json:"connects"`
	Failures       uint64  `json:"failures"`
	LastError      string  `json:"last_error,omitempty"`
	Rebuilds       uint64  `json:"rebuilds,omitempty"`  // connections given up because nothing moved on them
	Abandoned      int     `json:"abandoned,omitempty"` // calls that have not returned long after their deadline
	Twice          uint64  `json:"twice,omitempty"`     // times another client with this device id was noticed
}

// Uplink is how records are being sent. Counters are since the start.
type Uplink struct {
	InFlight    int     `json:"in_flight"`          // transfers that the hub has not answered
	Window      int     `json:"window"`             // how many may be, as it is now
	FlightBytes int64   `json:"in_flight_bytes"`    // size of these
	WindowBytes int64   `json:"window_bytes"`       // how much may be
	LatencyS    float64 `json:"latency_s"`          // shortest time to an answer on this link, in seconds
	Sent        uint64  `json:"sent"`               // records, those sent again included
	Accepted    uint64  `json:"accepted"`           // records
	Rejected    uint64  `json:"rejected"`           // records that became dead letters
	Resent      uint64  `json:"resent"`             // records that were handed back or not answered
	Transfers   uint64  `json:"transfers"`          // messages, batches and packs
	Batches     uint64  `json:"batches"`            // transfers of several messages
	Packs       uint64  `json:"packs"`              // messages of several records
	Bisected    uint64  `json:"bisected"`           // batches and packs that were taken apart
	LastBatch   int     `json:"last_batch_records"` // in the last batch or pack

	Held       string  `json:"held,omitempty"`         // why some or all records wait though the link is up
	Hint       string  `json:"hint,omitempty"`         // the next move of a person
	ResumesInS float64 `json:"resumes_in_s,omitempty"` // in seconds
	Budget     *Budget `json:"budget,omitempty"`       // of the day, where one is configured
}

// Budget is what may be sent in a day of UTC.
type Budget struct {
	UsedBytes  int64   `json:"used_bytes"`
	LimitBytes int64   `json:"limit_bytes"`
	Count      string  `json:"count"`       // wire or hub: steps of 4 KiB a message
	ResetsInS  float64 `json:"resets_in_s"` // in seconds
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
	// What follows while nothing vouches for the clock, and what to do; empty when synced.
	ClockMeans string `json:"clock_means,omitempty"`
	ClockHint  string `json:"clock_hint,omitempty"`
	LogLevel   string `json:"log_level,omitempty"`
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
	Align     bool     `json:"align,omitempty"`    // sampled where the wall clock shows multiples of every_s
	JitterS   float64  `json:"jitter_s,omitempty"` // sampled up to so long behind
	Samples   uint64   `json:"samples"`
	Failures  uint64   `json:"failures"`
	Suspect   uint64   `json:"suspect_values"`          // sent and marked
	Bad       uint64   `json:"bad_values"`              // left out
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

// Commands is the answer of GET /v1/commands.
type Commands struct {
	Actions []Action  `json:"actions"`
	Journal []Command `json:"journal"`           // newest first
	Opening string    `json:"opening,omitempty"` // why the journal is not known yet
}

// Action is a command that the agent knows.
type Action struct {
	Name    string     `json:"name"`
	Help    string     `json:"help,omitempty"`
	Allowed bool       `json:"allowed"`           // by the configuration, when it comes as a message
	Doors   []string   `json:"doors,omitempty"`   // by which it may come: devicebound, methods, local
	Repeat  string     `json:"repeat,omitempty"`  // after an interruption: once, repeatable, resumable
	DryRun  bool       `json:"dry_run,omitempty"` // takes the argument dry_run
	Args    []Argument `json:"args,omitempty"`
}

// Argument is one argument of an Action.
type Argument struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"` // string, number, integer, boolean, duration
	Required bool     `json:"required,omitempty"`
	Min      *float64 `json:"min,omitempty"` // of a duration in seconds
	Max      *float64 `json:"max,omitempty"`
	OneOf    []string `json:"one_of,omitempty"`
	Help     string   `json:"help,omitempty"`
}

// CommandRequest is the body of POST /v1/commands.
type CommandRequest struct {
	ID      string          `json:"id,omitempty"` // two requests with one id are one command; default: one of its own
	Name    string          `json:"name"`
	Args    json.RawMessage `json:"args,omitempty"`     // an object
	WithinS float64         `json:"within_s,omitempty"` // the answer is there by then, 1 to 300 s; default 30 s
}

// CommandAnswer is the answer of POST /v1/commands.
type CommandAnswer struct {
	Status    int             `json:"status"`     // 200, 400, 403, 404, 409, 500 or 504
	MessageID string          `json:"message_id"` // the id of the request
	Outcome   string          `json:"outcome"`    // completed, rejected, abandoned, unknown
	Result    json.RawMessage `json:"result,omitempty"`
	Condition string          `json:"condition,omitempty"`
	Error     string          `json:"error,omitempty"`
	Again     bool            `json:"again,omitempty"` // the outcome is that of an earlier request with this id
}

// Command is one entry of the command journal.
type Command struct {
	MessageID string    `json:"message_id,omitempty"`
	Seq       uint64    `json:"seq"` // the hub's own number of the message
	Name      string    `json:"name,omitempty"`
	Door      string    `json:"door"`
	State     string    `json:"state,omitempty"` // begun, due: its result comes after a restart, done
	Verdict   string    `json:"verdict"`         // pending, completed, rejected
	Condition string    `json:"condition,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Enqueued  time.Time `json:"enqueued,omitzero"` // at the hub
	Begun     time.Time `json:"begun,omitzero"`
	Finished  time.Time `json:"finished,omitzero"`
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
	Changes bool   `json:"changes"`         // root and the agent's own user only
	Owner   bool   `json:"owner,omitempty"` // the same two only, though it changes nothing
	Help    string `json:"help"`
	Params  string `json:"params,omitempty"` // query parameters, or the fields of the body
}

// Problem is the body of every answer that is not 200.
type Problem struct {
	Message string `json:"error"`
	Hint    string `json:"hint,omitempty"`
}
