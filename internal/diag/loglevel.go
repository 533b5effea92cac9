package diag

import (
	"bytes"
	"context"
	"encoding/json"

	"fieldpost/internal/http1"
)

// MaxLevelForS is the longest time for which a level can be set, in seconds.
const MaxLevelForS = 24 * 60 * 60

// LogLevel is the answer of GET and POST /v1/loglevel.
type LogLevel struct {
	Level      string  `json:"level"`                  // least level that is logged now
	Configured string  `json:"configured"`             // by the configuration
	Was        string  `json:"was,omitempty"`          // before it was set
	FallsBackS float64 `json:"falls_back_s,omitempty"` // until the configured one is set again, in seconds; 0 = never
}

// SetLogLevel is the body of POST /v1/loglevel.
type SetLogLevel struct {
	Level string  `json:"level"`           // debug, info, warn, error
	ForS  float64 `json:"for_s,omitempty"` // after so many seconds the configured level is set again; 0 = never
}

func levelRequestOf(r request) (SetLogLevel, error) {
	var s SetLogLevel
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	const hint = `{"level":"debug","for_s":600}`
	if err := d.Decode(&s); err != nil {
		return s, badRequest("body: "+err.Error(), hint)
	}
	if d.More() {
		return s, badRequest("body: more than one JSON value", hint)
	}
	if s.ForS != 0 && !(s.ForS >= 1 && s.ForS <= MaxLevelForS) {
		return s, badRequest("body: for_s is not from 1 to 86400", hint)
	}
	return s, nil
}

// LogLevel asks for the level of the log.
func (c *Client) LogLevel(ctx context.Context) (answer LogLevel, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/loglevel", nil, &answer)
	return answer, err
}

// SetLogLevel sets it.
func (c *Client) SetLogLevel(ctx context.Context, s SetLogLevel) (answer LogLevel, err error) {
	err = c.call(ctx, http1.MethodPost, "/v1/loglevel", s, &answer)
	return answer, err
}
