package hub

import (
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

// startPosition reads the start out of the filters of a source; without a
// selector it is the oldest event.
func startPosition(filter wire.Map) (position, *wire.Error) {
	pos := position{by: byOffset, value: -1}
	found := false
	for key, value := range filter {
		text, ok, err := selectorText(key, value)
		if err != nil {
			return position{}, err
		}
		if !ok {
			continue
		}
		if found {
			return position{}, faultInvalid("The source has more than one selector filter.")
		}
		found = true
		parsed, invalid := parseSelector(text)
		if invalid != nil {
			return position{}, faultInvalid("%v", invalid)
		}
		pos = parsed
	}
	return pos, nil
}

// selectorText returns the text of a selector filter. Its own descriptor tells
// it, whatever its key, or the key, where the value has no descriptor.
func selectorText(key, value any) (text string, ok bool, err *wire.Error) {
	own := key == selectorName
	if d, described := value.(wire.Described); described && (d.Descriptor == selectorName || d.Descriptor == selectorCode) {
		own, value = true, d.Value
	}
	if !own {
		return "", false, nil
	}
	text, ok = value.(string)
	if !ok {
		return "", false, faultEntity(wire.CondNotAllowed, "The link contains invalid filter type. "+
			"System only support Jms or Apache selector filter type but we found type '%T' associated with key '%.100v'.", value, key)
	}
	return text, true, nil
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

// checkPosition refuses a start behind the end of the log: the reader has another
// log in mind. The number the next event will have is still good.
func (p *partition) checkPosition(pos position) *wire.Error {
	last := p.last()
	switch {
	case pos.by == byOffset && pos.value > max(last.offset, 0):
		return faultBeyond("offset", pos.value, last.offset)
	case pos.by == bySequence && pos.value > last.sequence+1:
		return faultBeyond("sequence number", pos.value, last.sequence)
	}
	return nil
}
