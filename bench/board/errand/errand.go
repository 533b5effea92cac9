// Package errand is what host and guest of a proof say to each other on the guest's
// serial line: the host asks for one thing at a time, the guest answers. Both are one
// line of JSON; other lines are the console's.
package errand

// Mark begins every answer's line.
const Mark = "answer "

// Errands.
const (
	Write  = "write"  // Text to Path, mode 0600
	Read   = "read"   // Path
	Run    = "run"    // Args to its end
	Start  = "start"  // Args in the background; there is one
	Stop   = "stop"   // SIGTERM to it, and wait
	Net    = "net"    // gives Interface the Address
	Make   = "make"   // an adapter on Port with Parts, plugged in
	Plug   = "plug"   // the adapter on Port again
	Unplug = "unplug" // the adapter on Port
	Bus    = "bus"    // number of the kernel's bus behind Port, once there is one
	Wedge  = "wedge"  // the adapter on Port answers nothing, while On
	Fault  = "fault"  // of the part At on Port
	Set    = "set"    // what the part At on Port measures: Values
)

// Errand is what the host asks for.
type Errand struct {
	Do        string
	Path      string            `json:",omitempty"`
	Text      string            `json:",omitempty"`
	Args      []string          `json:",omitempty"`
	Interface string            `json:",omitempty"`
	Address   string            `json:",omitempty"` // IPv4, of a network of 24 bits
	Port      int               `json:",omitempty"`
	Parts     map[uint16]string `json:",omitempty"` // kind by address, as the sources of sensors are called
	At        uint16            `json:",omitempty"`
	Fault     byte              `json:",omitempty"` // boardsim.Fault
	Values    []float64         `json:",omitempty"` // °C; also % and hPa, as the part has them
	On        bool              `json:",omitempty"`
}

// Answer is what came of it.
type Answer struct {
	Err    string `json:",omitempty"` // it could not be done
	Out    string `json:",omitempty"` // of Run and Read
	Errors string `json:",omitempty"` // standard error of Run
	Code   int    `json:",omitempty"` // exit code of Run and Stop
	Number int    `json:",omitempty"` // of Bus
	OK     bool   `json:",omitempty"` // of Bus: there is one
}
