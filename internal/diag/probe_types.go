package diag

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"fieldpost/internal/http1"
)

// ProbeWithin is how long a look at the hardware may take.
const ProbeWithin = 60 * time.Second

// How sure it is what a part is.
const (
	Configured = "configured" // a sensor of this agent's configuration is there
	Recognised = "recognised" // it says so itself
	Likely     = "likely"     // what it says fits one source, and proves nothing
	Ambiguous  = "ambiguous"  // it may be one of several, or something else
	Unknown    = "unknown"    // something answers that no source reads
	Kernel     = "kernel"     // a kernel driver has it
)

// ProbeRequest is the body of POST /v1/probe.
type ProbeRequest struct {
	Bus string `json:"bus,omitempty"` // device file or configured name of the only bus to look at, and whole; empty = all
}

// Probe is its answer: the hardware that was found.
type Probe struct {
	Buses  []ProbeBus `json:"buses"`
	Config string     `json:"config,omitempty"` // TOML for what is not configured yet, to be appended to a configuration
	Hints  []string   `json:"hints,omitempty"`  // the next moves of a person
}

// ProbeBus is one place where parts may be.
type ProbeBus struct {
	Kind    string      `json:"kind"`             // i2c, spi, w1, hwmon, iio, gpio
	Device  string      `json:"device,omitempty"` // "/dev/i2c-1"
	Name    string      `json:"name,omitempty"`   // as the kernel calls it
	Bus     string      `json:"bus,omitempty"`    // name in the configuration, where it is configured
	Parts   []ProbePart `json:"parts,omitempty"`
	Problem string      `json:"problem,omitempty"` // why nothing can be found
	Hint    string      `json:"hint,omitempty"`
	Note    string      `json:"note,omitempty"` // what was left out, and why
}

// ProbePart is one part that was found.
type ProbePart struct {
	Where     string   `json:"where"`             // address, number or name
	Certainty string   `json:"certainty"`         // Recognised, ...
	What      string   `json:"what"`              // for a person
	How       string   `json:"how,omitempty"`     // it was recognised by
	Sources   []string `json:"sources,omitempty"` // that read it, the best first
	Hint      string   `json:"hint,omitempty"`
	Config    string   `json:"config,omitempty"` // [[sensor]] for the first of Sources, as TOML
}

// Probe has the hardware looked at by the running agent, whose buses are its own.
func (c *Client) Probe(ctx context.Context, r ProbeRequest) (answer Probe, err error) {
	patient := *c
	patient.Within = ProbeWithin + 2*ownWait
	err = patient.call(ctx, http1.MethodPost, "/v1/probe", r, &answer)
	return answer, err
}

// probeOf reads the body of a probe.
func probeOf(r request) (ProbeRequest, error) {
	var p ProbeRequest
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	const hint = `{} or {"bus":"/dev/i2c-1"}`
	if err := d.Decode(&p); err != nil {
		return p, badRequest("body: "+err.Error(), hint)
	}
	if d.More() {
		return p, badRequest("body: more than one JSON value", hint)
	}
	return p, nil
}
