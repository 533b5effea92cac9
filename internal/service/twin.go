package service

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"fieldpost/internal/http1"
)

// Twin is a device's twin.
type Twin struct {
	DeviceID        string          `json:"deviceId"`
	ModuleID        string          `json:"moduleId,omitempty"`
	ETag            string          `json:"etag"`
	Status          string          `json:"status"`          // enabled or disabled
	ConnectionState string          `json:"connectionState"` // Connected or Disconnected
	Version         int64           `json:"version"`
	Tags            json.RawMessage `json:"tags"`
	Properties      struct {
		Desired  json.RawMessage `json:"desired"`  // an object with $version and $metadata
		Reported json.RawMessage `json:"reported"` // an object with $version and $metadata
	} `json:"properties"`
}

// TwinUpdate is what to change about a twin; what is nil stays as it is.
type TwinUpdate struct {
	Tags    json.RawMessage // an object
	Desired json.RawMessage // an object
	Replace bool            // tags and desired properties take the place of the old ones, and nil empties; default merge
	IfMatch string          // the ETag the twin must have; default any
}

// Twin reads the twin of a device, or of a module named DEVICE/MODULE. Errors: *HubError, and those of the network.
func (r *REST) Twin(ctx context.Context, deviceID string) (Twin, error) {
	var t Twin
	err := r.call(ctx, "read twin of "+deviceID, http1.MethodGet, twinPath(deviceID), nil, nil, &t, 0)
	return t, err
}

// UpdateTwin changes the twin of a device or a module and returns it. Errors:
// *HubError, and those of the network.
func (r *REST) UpdateTwin(ctx context.Context, deviceID string, u TwinUpdate) (Twin, error) {
	body := make(map[string]any)
	if u.Tags != nil {
		body["tags"] = u.Tags
	}
	if u.Desired != nil {
		body["properties"] = map[string]any{"desired": u.Desired}
	}
	method, match := http1.MethodPatch, "*"
	if u.Replace {
		method = http1.MethodPut
	}
	if u.IfMatch != "" {
		match = `"` + u.IfMatch + `"`
	}
	var t Twin
	err := r.call(ctx, "change twin of "+deviceID, method, twinPath(deviceID), http1.Header{"If-Match": {match}}, body, &t, 0)
	return t, err
}

// twinPath is the path of a device, or of a module named DEVICE/MODULE.
func twinPath(id string) string {
	device, module, isModule := strings.Cut(id, "/")
	path := "/twins/" + url.PathEscape(device)
	if isModule {
		path += "/modules/" + url.PathEscape(module)
	}
	return path
}
