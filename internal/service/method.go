package service

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"fieldpost/internal/http1"
)

// Method is a direct method to call.
type Method struct {
	Name            string          // required
	Payload         json.RawMessage // at most 128 KB; default null
	ConnectTimeout  time.Duration   // how long the hub waits for the device to connect, 0 to 300 s in whole seconds; default 0
	ResponseTimeout time.Duration   // how long the hub waits for its reply, 5 to 300 s in whole seconds; default 30 s
}

// MethodResult is what a device replied.
type MethodResult struct {
	Status  int             `json:"status"` // the device's own
	Payload json.RawMessage `json:"payload"`
}

// InvokeMethod calls a method of a device, or of a module named DEVICE/MODULE, and
// waits for its reply. Errors: ErrConfig, *HubError (code 404103 not connected,
// 504101 no reply), and those of the network: then the device may have done it.
func (r *REST) InvokeMethod(ctx context.Context, deviceID string, m Method) (MethodResult, error) {
	if m.Name == "" {
		return MethodResult{}, fmt.Errorf("%w: method without a name", ErrConfig)
	}
	if m.ResponseTimeout == 0 {
		m.ResponseTimeout = 30 * time.Second
	}
	body := map[string]any{
		"methodName":               m.Name,
		"responseTimeoutInSeconds": int(m.ResponseTimeout.Seconds()),
		"connectTimeoutInSeconds":  int(m.ConnectTimeout.Seconds()),
	}
	if len(m.Payload) > 0 {
		body["payload"] = m.Payload
	}
	var result MethodResult
	err := r.call(ctx, "call "+m.Name+" on "+deviceID, http1.MethodPost, twinPath(deviceID)+"/methods", nil, body, &result, m.ConnectTimeout+m.ResponseTimeout)
	return result, err
}

// PurgeQueue drops the messages that wait for a device and returns how many.
// Errors: *HubError, and those of the network.
func (r *REST) PurgeQueue(ctx context.Context, deviceID string) (int, error) {
	var purged struct {
		Total int `json:"totalMessagesPurged"`
	}
	err := r.call(ctx, "purge the queue of "+deviceID, http1.MethodDelete, "/devices/"+url.PathEscape(deviceID)+"/commands", nil, nil, &purged, 0)
	return purged.Total, err
}
