package service

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// From says where in the event log to begin. The zero value is the start of
// what the log still holds. A sequence number or offset counts within each
// partition by itself.
type From struct {
	at    string // "", "latest", "offset", "sequence" or "time"
	value string
}

// FromLatest begins with the events that arrive from now on.
func FromLatest() From { return From{at: "latest"} }

// FromOffset begins after the event with this x-opt-offset.
func FromOffset(offset string) From { return From{at: "offset", value: offset} }

// FromSequence begins after the event with this x-opt-sequence-number.
func FromSequence(n int64) From {
	return From{at: "sequence", value: strconv.FormatInt(n, 10)}
}

// FromTime begins with the events that the hub took in after t, to the millisecond.
func FromTime(t time.Time) From {
	return From{at: "time", value: strconv.FormatInt(t.UnixMilli(), 10)}
}

// ParseFrom reads what a person types: start, latest, offset:TEXT, sequence:N,
// time:RFC3339, or a duration ago such as 15m.
func ParseFrom(s string, now time.Time) (From, error) {
	kind, value, _ := strings.Cut(s, ":")
	switch kind {
	case "", "start":
		if value == "" {
			return From{}, nil
		}
	case "latest":
		if value == "" {
			return FromLatest(), nil
		}
	case "offset":
		if value != "" && !strings.ContainsAny(value, "'\\") {
			return FromOffset(value), nil
		}
	case "sequence":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return FromSequence(n), nil
		}
	case "time":
		if t, err := time.Parse(time.RFC3339, value); err == nil {
			return FromTime(t), nil
		}
	default:
		if d, err := time.ParseDuration(s); err == nil && d >= 0 {
			return FromTime(now.Add(-d)), nil
		}
	}
	return From{}, fmt.Errorf("%q is not start, latest, offset:TEXT, sequence:N, time:RFC3339 or a duration such as 15m", s)
}

// selector is the filter of a partition link.
func (f From) selector() string {
	switch f.at {
	case "latest":
		return "amqp.annotation.x-opt-offset > '@latest'"
	case "offset":
		return "amqp.annotation.x-opt-offset > '" + f.value + "'"
	case "sequence":
		return "amqp.annotation.x-opt-sequence-number > '" + f.value + "'"
	case "time":
		return "amqp.annotation.x-opt-enqueued-time > '" + f.value + "'"
	default:
		return "amqp.annotation.x-opt-offset > '-1'"
	}
}
