package rest

import (
	"encoding/json"
	"net/http"
	"strings"

	"fieldpost/hub"
)

// twinBody is a twin as services read it.
type twinBody struct {
	DeviceID        string          `json:"deviceId"`
	ModuleID        string          `json:"moduleId,omitempty"`
	ETag            string          `json:"etag"`
	Status          string          `json:"status"`
	ConnectionState string          `json:"connectionState"`
	Queued          int             `json:"cloudToDeviceMessageCount"`
	Version         int64           `json:"version"`
	Tags            json.RawMessage `json:"tags"`
	Properties      struct {
		Desired  json.RawMessage `json:"desired"`
		Reported json.RawMessage `json:"reported"`
	} `json:"properties"`
	Capabilities struct {
		IoTEdge bool `json:"iotEdge"`
	} `json:"capabilities"`
}

func newTwinBody(w http.ResponseWriter, r *http.Request, t hub.Twin) twinBody {
	w.Header().Set("ETag", `"`+t.ETag+`"`)
	b := twinBody{
		DeviceID: r.PathValue("id"), ModuleID: r.PathValue("module"),
		ETag: t.ETag, Status: "enabled", ConnectionState: "Disconnected",
		Queued: t.Device.Queued, Version: t.Version, Tags: t.Tags,
	}
	if t.Device.Disabled {
		b.Status = "disabled"
	}
	if t.Device.Connected {
		b.ConnectionState = "Connected"
	}
	b.Properties.Desired, b.Properties.Reported = t.Desired, t.Reported
	return b
}

func (d *door) twin(w http.ResponseWriter, r *http.Request) (any, error) {
	t, err := d.hub.Twin(identity(r))
	if err != nil {
		return nil, err
	}
	return newTwinBody(w, r, t), nil
}

// updateTwin merges what a PATCH brings and puts what a PUT brings in the place
// of the old, also what it leaves out.
func (d *door) updateTwin(w http.ResponseWriter, r *http.Request) (any, error) {
	var body struct {
		Tags       json.RawMessage `json:"tags"`
		Properties struct {
			Desired json.RawMessage `json:"desired"`
		} `json:"properties"`
	}
	if err := read(w, r, &body); err != nil {
		return nil, err
	}
	replace := r.Method == http.MethodPut
	t, err := d.hub.UpdateTwin(identity(r), hub.TwinUpdate{
		Tags:    part(body.Tags, replace),
		Desired: part(body.Properties.Desired, replace),
		Replace: replace,
		IfMatch: etag(r.Header.Get("If-Match")),
	})
	if err != nil {
		return nil, err
	}
	return newTwinBody(w, r, t), nil
}

// part is a section of a request; one that is absent is empty where it replaces.
func part(text json.RawMessage, replace bool) json.RawMessage {
	absent := len(text) == 0 || string(text) == "null"
	switch {
	case absent && replace:
		return json.RawMessage("{}")
	case absent:
		return nil
	default:
		return text
	}
}

// etag takes the quotes off, and the mark of a weak one.
func etag(header string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(header), "W/"), `"`)
}
