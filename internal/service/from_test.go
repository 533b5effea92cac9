package service

import (
	"testing"
	"time"
)

func TestParseFrom(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	cases := map[string]string{
		"":                          "amqp.annotation.x-opt-offset > '-1'",
		"start":                     "amqp.annotation.x-opt-offset > '-1'",
		"latest":                    "amqp.annotation.x-opt-offset > '@latest'",
		"offset:4096":               "amqp.annotation.x-opt-offset > '4096'",
		"sequence:41":               "amqp.annotation.x-opt-sequence-number > '41'",
		"sequence:-1":               "amqp.annotation.x-opt-sequence-number > '-1'",
		"time:2023-11-14T22:13:20Z": "amqp.annotation.x-opt-enqueued-time > '1700000000000'",
		"15m":                       "amqp.annotation.x-opt-enqueued-time > '1699999100000'",
		"0s":                        "amqp.annotation.x-opt-enqueued-time > '1700000000000'",
	}
	for text, want := range cases {
		from, err := ParseFrom(text, now)
		if err != nil || from.selector() != want {
			t.Errorf("%q: got %s, %v, want %s", text, from.selector(), err, want)
		}
	}
	for _, bad := range []string{"begin", "start:1", "latest:1", "offset:", "offset:1' or '1", `offset:\`, "sequence:", "sequence:x",
		"sequence:1.5", "time:", "time:noon", "time", "-15m", "12"} {
		if from, err := ParseFrom(bad, now); err == nil {
			t.Errorf("%q was taken for %s", bad, from.selector())
		}
	}
}
