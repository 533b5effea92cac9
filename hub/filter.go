package hub

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fieldpost/internal/amqpserver/wire"
)

// axis is what a selector compares.
type axis int

const (
	byOffset axis = iota
	bySequence
	byEnqueuedTime
)

// position is where a reader starts in a partition: at the first event whose
// value on the axis is above value (or equal, when inclusive).
type position struct {
	by        axis
	value     int64 // bytes, a sequence number or milliseconds since 1970
	inclusive bool
	latest    bool // only events logged from now on; the rest is ignored
}

const (
	selectorName  wire.Symbol = "apache.org:selector-filter:string"
	selectorCode  uint64      = 0x0000468C00000004
	selectorStart             = "amqp.annotation."
)

// startPosition reads the start out of the filters of a source; without one it is
// the oldest event.
func startPosition(filter wire.Map) (position, error) {
	value, ok := filter[selectorName]
	if !ok {
		return position{by: byOffset, value: -1}, nil
	}
	if d, ok := value.(wire.Described); ok {
		if d.Descriptor != selectorName && d.Descriptor != selectorCode {
			return position{}, errors.New("selector filter has a descriptor that is not known")
		}
		value = d.Value
	}
	text, ok := value.(string)
	if !ok {
		return position{}, errors.New("selector filter is not a string")
	}
	return parseSelector(text)
}

// parseSelector reads one comparison such as
//
//	amqp.annotation.x-opt-offset > '-1'
//
// with the operators > and >=, the value quoted or not, or '@latest'.
func parseSelector(text string) (position, error) {
	name, value, found := strings.Cut(text, ">")
	if !found {
		return position{}, fmt.Errorf("selector %.100q: no comparison with > or >=", text)
	}
	var p position
	if p.inclusive = strings.HasPrefix(value, "="); p.inclusive {
		value = value[1:]
	}
	name, ok := strings.CutPrefix(strings.TrimSpace(name), selectorStart)
	switch {
	case ok && name == string(annotationOffset):
		p.by = byOffset
	case ok && name == string(annotationSequence):
		p.by = bySequence
	case ok && (name == string(annotationEnqueued) || name == "x-opt-enqueuedtimeutc"):
		p.by = byEnqueuedTime
	default:
		return position{}, fmt.Errorf("selector %.100q: unknown property", text)
	}
	value = strings.TrimSpace(value)
	if len(value) >= 2 && value[0] == '\'' && value[len(value)-1] == '\'' {
		value = value[1 : len(value)-1]
	}
	if value == "@latest" {
		p.latest = true
		return p, nil
	}
	var err error
	if p.value, err = strconv.ParseInt(value, 10, 64); err != nil {
		return position{}, fmt.Errorf("selector %.100q: value is not a number", text)
	}
	return p, nil
}

// starts reports whether the reader wants the event and all after it.
func (p position) starts(at place) bool {
	value := at.offset
	switch p.by {
	case bySequence:
		value = at.sequence
	case byEnqueuedTime:
		value = at.enqueued.UnixMilli()
	}
	return value > p.value || p.inclusive && value == p.value
}
