package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"fieldpost/hub"
)

// controlFault is one fault of a hub. Of a fault to be added only the line counts.
type controlFault struct {
	ID     int    `json:"id,omitempty"`
	Fault  string `json:"fault"` // the line
	Struck int    `json:"struck"`
	Over   bool   `json:"over"`
}

// controlFaults is what GET /v1/faults answers.
type controlFaults struct {
	Faults []controlFault `json:"faults"`
}

// controlHealed is what DELETE /v1/faults answers.
type controlHealed struct {
	Healed int `json:"healed"`
}

// errNoFault is a number that no fault has.
var errNoFault = errors.New("there is none")

// errManyFaults says that the hub takes no more faults.
var errManyFaults = errors.New("the hub has as many faults as it can that are not over")

func routeFaultsOf(h *hub.Hub, route func(string, func(*http.Request) (any, error))) {
	route("GET "+routeFaults, func(*http.Request) (any, error) {
		list := []controlFault{}
		for _, s := range h.Faults() {
			list = append(list, controlFault{ID: s.ID, Fault: s.Fault.String(), Struck: s.Struck, Over: s.Over})
		}
		return controlFaults{list}, nil
	})
	route("POST "+routeFaults, func(r *http.Request) (any, error) {
		var c controlFault
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			return nil, usagef("the request is not the JSON expected: %w", err)
		}
		f, err := hub.ParseFault(c.Fault)
		if err != nil {
			return nil, &usageError{err}
		}
		id := h.Inject(f)
		if id == 0 {
			return nil, &hinted{errManyFaults, "hub fault heal ID ends one, hub fault clear all"}
		}
		return controlFault{ID: id, Fault: f.String()}, nil
	})
	route("DELETE "+routeFaults, func(r *http.Request) (any, error) { return healFaults(h, r.FormValue("id")) })
}

// healFaults heals the fault of a number, or all without one.
func healFaults(h *hub.Hub, number string) (healed controlHealed, err error) {
	if number != "" {
		id, err := strconv.Atoi(number)
		if err != nil {
			return healed, usagef("%q is not the number of a fault", number)
		}
		if !h.Heal(id) {
			return healed, fmt.Errorf("fault %d: %w", id, errNoFault)
		}
		return controlHealed{1}, nil
	}
	for _, s := range h.Faults() {
		if h.Heal(s.ID) {
			healed.Healed++
		}
	}
	return healed, nil
}
