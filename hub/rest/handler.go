package rest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"fieldpost/hub"
)

const (
	maxBody     = 256 << 10 // bytes
	maxRequests = 256       // at a time
)

// Handler returns the door of h as an http.Handler.
func Handler(h *hub.Hub) http.Handler {
	d := &door{hub: h, room: make(chan struct{}, maxRequests)}
	mux := http.NewServeMux()
	for _, path := range []string{"/twins/{id}", "/twins/{id}/modules/{module}"} {
		mux.HandleFunc("GET "+path, d.answer(d.twin))
		mux.HandleFunc("PATCH "+path, d.answer(d.updateTwin))
		mux.HandleFunc("PUT "+path, d.answer(d.updateTwin))
		mux.HandleFunc("POST "+path+"/methods", d.answer(d.method))
	}
	mux.HandleFunc("DELETE /devices/{id}/commands", d.answer(d.purge))
	return mux
}

type door struct {
	hub  *hub.Hub
	room chan struct{} // holds a value for each request
}

// answer makes a handler of f, which returns the body of the response.
func (d *door) answer(f func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := d.admit(w, r, f)
		if err != nil {
			writeError(w, r, err)
			return
		}
		write(w, http.StatusOK, body)
	}
}

// admit calls f for a request that may be served.
func (d *door) admit(w http.ResponseWriter, r *http.Request, f func(http.ResponseWriter, *http.Request) (any, error)) (any, error) {
	select {
	case d.room <- struct{}{}:
		defer func() { <-d.room }()
	default:
		return nil, refuse(codeThrottled, "Too many requests at a time.")
	}
	if r.URL.Query().Get("api-version") == "" {
		return nil, refuse(codeVersion, "The query parameter api-version is missing.")
	}
	if strings.Contains(r.PathValue("id")+r.PathValue("module"), "/") {
		return nil, refuse(codeNotFound, "No identity has a slash in it.") // the hub would take it for a module
	}
	if err := d.hub.Authorize(r.Header.Get("Authorization"), r.URL.Path); err != nil {
		return nil, err
	}
	return f(w, r)
}

// identity names the device or the module a request is about, as the hub does.
func identity(r *http.Request) string {
	if module := r.PathValue("module"); module != "" {
		return r.PathValue("id") + "/" + module
	}
	return r.PathValue("id")
}

// read decodes the body of a request into v. Fields that v has no place for are
// passed over: SDKs send whole twins back.
func read(w http.ResponseWriter, r *http.Request, v any) error {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse(codeTooLarge, "The request has more than %d bytes.", maxBody)
	case err != nil:
		return refuse(codeArgument, "The request cannot be read: %v.", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return refuse(codeArgument, "The request is not the JSON expected: %v.", err)
	}
	return nil
}

func write(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the other end has gone: nobody is left to tell
}

// methodCall is the body of a call.
type methodCall struct {
	Name            string          `json:"methodName"`
	Payload         json.RawMessage `json:"payload"`
	ResponseTimeout *float64        `json:"responseTimeoutInSeconds"`
	ConnectTimeout  *float64        `json:"connectTimeoutInSeconds"`
}

// method calls a direct method and waits for the device's response.
func (d *door) method(w http.ResponseWriter, r *http.Request) (any, error) {
	var c methodCall
	if err := read(w, r, &c); err != nil {
		return nil, err
	}
	m := hub.Method{Name: c.Name, Payload: c.Payload}
	var err error
	if m.ResponseTimeout, err = seconds("responseTimeoutInSeconds", c.ResponseTimeout, 5, 300); err != nil {
		return nil, err
	}
	if m.ConnectTimeout, err = seconds("connectTimeoutInSeconds", c.ConnectTimeout, 0, 300); err != nil {
		return nil, err
	}
	result, err := d.hub.InvokeMethod(r.Context(), identity(r), m)
	if err != nil {
		return nil, err
	}
	return struct {
		Status  int             `json:"status"`
		Payload json.RawMessage `json:"payload"`
	}{result.Status, result.Payload}, nil
}

// seconds reads a time-out; 0 when there is none.
func seconds(name string, value *float64, least, most float64) (time.Duration, error) {
	switch {
	case value == nil:
		return 0, nil
	case *value < least || *value > most:
		return 0, refuse(codeArgument, "%s must be within [%v; %v].", name, least, most)
	}
	return time.Duration(*value * float64(time.Second)), nil
}

// purge empties the queue of a device.
func (d *door) purge(_ http.ResponseWriter, r *http.Request) (any, error) {
	id := r.PathValue("id")
	n, err := d.hub.PurgeQueue(id)
	if err != nil {
		return nil, err
	}
	return struct {
		DeviceID string  `json:"deviceId"`
		ModuleID *string `json:"moduleId"`
		Purged   int     `json:"totalMessagesPurged"`
	}{DeviceID: id, Purged: n}, nil
}
