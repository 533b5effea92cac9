package hub

import (
	"testing"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

func TestParseSelector(t *testing.T) {
	cases := []struct {
		text string
		want position
	}{
		{"amqp.annotation.x-opt-offset > '-1'", position{by: byOffset, value: -1}},
		{"amqp.annotation.x-opt-offset>'42'", position{by: byOffset, value: 42}},
		{"amqp.annotation.x-opt-offset >= '42'", position{by: byOffset, value: 42, inclusive: true}},
		{"  amqp.annotation.x-opt-offset  >=42 ", position{by: byOffset, value: 42, inclusive: true}},
		{"amqp.annotation.x-opt-offset > '@latest'", position{by: byOffset, latest: true}},
		{"amqp.annotation.x-opt-offset > @latest", position{by: byOffset, latest: true}},
		{"amqp.annotation.x-opt-sequence-number > '7'", position{by: bySequence, value: 7}},
		{"amqp.annotation.x-opt-sequence-number >= 7", position{by: bySequence, value: 7, inclusive: true}},
		{"amqp.annotation.x-opt-enqueued-time > '1700000000000'", position{by: byEnqueuedTime, value: 1700000000000}},
		{"amqp.annotation.x-opt-enqueuedtimeutc > 1700000000000", position{by: byEnqueuedTime, value: 1700000000000}},
	}
	for _, c := range cases {
		if got, err := parseSelector(c.text); err != nil || got != c.want {
			t.Errorf("%q: %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
	for _, bad := range []string{
		"", ">", "x-opt-offset > '1'", "amqp.annotation.x-opt-other > '1'", "amqp.annotation.x-opt-offset < '1'",
		"amqp.annotation.x-opt-offset > ''", "amqp.annotation.x-opt-offset > 'one'", "amqp.annotation.x-opt-offset > '1",
		"amqp.annotation.x-opt-offset > '99999999999999999999'", "amqp.annotation.x-opt-offset = '1'",
	} {
		if p, err := parseSelector(bad); err == nil {
			t.Errorf("%q gives %+v", bad, p)
		}
	}
}

func TestStartPosition(t *testing.T) {
	text := "amqp.annotation.x-opt-sequence-number > '7'"
	want := position{by: bySequence, value: 7}
	for name, value := range map[string]any{
		"code":   wire.Described{Descriptor: selectorCode, Value: text},
		"symbol": wire.Described{Descriptor: selectorName, Value: text},
		"plain":  text,
	} {
		if got, err := startPosition(wire.Map{selectorName: value}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := startPosition(nil); err != nil || got != (position{by: byOffset, value: -1}) {
		t.Errorf("no filter: %+v, %v", got, err)
	}
	for name, c := range map[string]struct {
		filter wire.Map
		want   wire.Symbol // "" when it is taken
	}{
		"other key":    {wire.Map{wire.Symbol("selector"): wire.Described{Descriptor: selectorName, Value: text}}, ""},
		"other filter": {wire.Map{wire.Symbol("no-local"): wire.Described{Descriptor: uint64(1), Value: "x"}, selectorName: text}, ""},
		"other code":   {wire.Map{selectorName: wire.Described{Descriptor: uint64(1), Value: text}}, wire.CondNotAllowed},
		"number":       {wire.Map{selectorName: wire.Described{Descriptor: selectorCode, Value: int32(7)}}, wire.CondNotAllowed},
		"map":          {wire.Map{selectorName: wire.Map{}}, wire.CondNotAllowed},
		"null":         {wire.Map{selectorName: nil}, wire.CondNotAllowed},
		"two":          {wire.Map{wire.Symbol("selector"): wire.Described{Descriptor: selectorName, Value: text}, selectorName: text}, wire.CondInvalidField},
		"nonsense":     {wire.Map{selectorName: "1 = 1"}, wire.CondInvalidField},
	} {
		got, err := startPosition(c.filter)
		if c.want == "" && (err != nil || got != want) || c.want != "" && (err == nil || err.Condition != c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestPositionStarts(t *testing.T) {
	at := place{sequence: 5, offset: 700, enqueued: time.UnixMilli(1700000000000)}
	cases := []struct {
		pos  position
		want bool
	}{
		{position{by: byOffset, value: -1}, true},
		{position{by: byOffset, value: 699}, true},
		{position{by: byOffset, value: 700}, false},
		{position{by: byOffset, value: 700, inclusive: true}, true},
		{position{by: bySequence, value: 4}, true},
		{position{by: bySequence, value: 5}, false},
		{position{by: bySequence, value: 5, inclusive: true}, true},
		{position{by: byEnqueuedTime, value: 1699999999999}, true},
		{position{by: byEnqueuedTime, value: 1700000000000}, false},
		{position{by: byEnqueuedTime, value: 1700000000000, inclusive: true}, true},
	}
	for _, c := range cases {
		if got := c.pos.starts(at); got != c.want {
			t.Errorf("%+v: %v", c.pos, got)
		}
	}
}
