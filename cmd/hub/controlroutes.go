package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"

	"fieldpost/hub"
)

// The control socket speaks HTTP with JSON, one object a body. Fields and routes
// are only ever added. A refusal has a status that is not 200 and a controlError.
//
//	GET    /v1/                     who answers
//	GET    /v1/hub                  what hub serve --json prints, as it is now
//	GET    /v1/devices              the registry
//	POST   /v1/devices              add a device or a module: controlRegistration
//	DELETE /v1/devices?name=NAME    remove it
//	POST   /v1/disable?name=NAME    let a device connect no more
//	POST   /v1/enable?name=NAME     let it connect again
//	GET    /v1/keys?name=NAME       its keys and its connection string
//	POST   /v1/keys?name=NAME&change=primary|secondary|swap
//	GET    /v1/faults               how the hub misbehaves
//	POST   /v1/faults               one more: {"fault": LINE}
//	DELETE /v1/faults?id=N          heal it; all of them without an id
const (
	routeRoot    = "/v1/"
	routeHub     = "/v1/hub"
	routeDevices = "/v1/devices"
	routeDisable = "/v1/disable"
	routeEnable  = "/v1/enable"
	routeKeys    = "/v1/keys"
	routeFaults  = "/v1/faults"
)

// controlVersion is that of the routes and bodies.
const controlVersion = 1

// controlHello is what GET /v1/ answers.
type controlHello struct {
	Hub     string `json:"hub"` // the host name of the connection strings
	Version int    `json:"version"`
	PID     int    `json:"pid"`
}

// controlDevices is what GET /v1/devices answers.
type controlDevices struct {
	Devices []identity `json:"devices"`
}

// controlRegistration is the body of POST /v1/devices.
type controlRegistration struct {
	ID        string       `json:"id"`
	Module    string       `json:"module,omitempty"`
	Auth      hub.AuthType `json:"auth,omitempty"`
	Primary   string       `json:"primary_thumbprint,omitempty"`
	Secondary string       `json:"secondary_thumbprint,omitempty"`
}

// controlError says why a request was refused.
type controlError struct {
	Message string `json:"error"`
	Hint    string `json:"hint,omitempty"`
}

// done is the answer to a change that has nothing to tell.
type done struct{}

func controlHandler(h *hub.Hub, describe func() (hubFile, error)) http.Handler {
	own := ownRegistry{hub: h, running: true}
	named := func(do func(r *http.Request, name string) error) func(*http.Request) (any, error) {
		return func(r *http.Request) (any, error) { return done{}, do(r, r.FormValue("name")) }
	}
	mux := http.NewServeMux()
	route := func(pattern string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
			body, err := answer(r)
			if err != nil {
				replyControl(w, controlStatus(err), controlError{err.Error(), hintOf(err)})
				return
			}
			replyControl(w, http.StatusOK, body)
		})
	}
	route("GET "+routeRoot+"{$}", func(*http.Request) (any, error) {
		return controlHello{Hub: h.HostName(), Version: controlVersion, PID: os.Getpid()}, nil
	})
	route("GET "+routeHub, func(*http.Request) (any, error) { return describe() })
	route("GET "+routeDevices, func(r *http.Request) (any, error) {
		list, err := own.list(r.Context())
		return controlDevices{list}, err
	})
	route("POST "+routeDevices, func(r *http.Request) (any, error) {
		var c controlRegistration
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			return nil, usagef("the request is not the JSON expected: %w", err)
		}
		return done{}, own.add(r.Context(), hub.Registration{
			DeviceID: c.ID, ModuleID: c.Module, Auth: c.Auth,
			PrimaryThumbprint: c.Primary, SecondaryThumbprint: c.Secondary,
		})
	})
	route("DELETE "+routeDevices, named(func(r *http.Request, name string) error { return own.remove(r.Context(), name) }))
	route("POST "+routeDisable, named(func(r *http.Request, name string) error { return own.disable(r.Context(), name) }))
	route("POST "+routeEnable, named(func(r *http.Request, name string) error { return own.enable(r.Context(), name) }))
	route("GET "+routeKeys, func(r *http.Request) (any, error) { return own.keys(r.Context(), r.FormValue("name")) })
	route("POST "+routeKeys, func(r *http.Request) (any, error) {
		return own.changeKeys(r.Context(), r.FormValue("name"), hub.KeyChange(r.FormValue("change")))
	})
	routeFaultsOf(h, route)
	route("/", func(r *http.Request) (any, error) { return nil, errNoRoute })
	return mux
}

var errNoRoute = errors.New("no such route on this hub's control socket: is it of another version?")

// controlStatus is the HTTP status of a refusal.
func controlStatus(err error) int {
	var usage *usageError
	switch {
	case errors.Is(err, errNoRoute), errors.Is(err, errNoFault), errors.Is(err, hub.ErrDeviceNotFound):
		return http.StatusNotFound
	case errors.Is(err, hub.ErrDeviceExists), errors.Is(err, errManyFaults):
		return http.StatusConflict
	case errors.As(err, &usage):
		return http.StatusBadRequest
	default:
		return http.StatusUnprocessableEntity
	}
}

func replyControl(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the other end has gone: nobody is left to tell
}
