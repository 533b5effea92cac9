package agent

import "time"

// faultRow is one way in which the hub misbehaves, and what a good agent makes of it.
// All times are virtual.
type faultRow struct {
	line string
	// lasts is the time from the injection of the line to its end.
	lasts time.Duration
	// felt is a second line, without which the first would not be felt: what happens
	// to a new connection needs an old one that ends.
	felt string
	// dead says that the hub refuses records for themselves: they are kept aside.
	dead bool
	// within is the longest time from there to the next record that arrives; default
	// the longest wait between two attempts, and a minute.
	within time.Duration
}

// faultRows have at least one line for each name the hub knows.
func faultRows() []faultRow {
	return []faultRow{
		{line: "refuse", felt: "drop", lasts: time.Minute},
		{line: "refuse how=rst", felt: "drop", lasts: time.Minute},
		{line: "slow-accept by=20s", felt: "drop", lasts: time.Minute},
		{line: "slow-accept by=2m", felt: "drop", lasts: 5 * time.Minute},
		{line: "gwv2", felt: "drop", lasts: time.Minute},
		{line: "gwv2 how=bare-flow", felt: "drop", lasts: time.Minute},
		{line: "refuse-link", felt: "busy", lasts: time.Minute},
		{line: "refuse-link devicebound", felt: "steal", lasts: time.Minute},
		{line: "refuse-link condition=amqp:not-found", felt: "busy", lasts: time.Minute},
		{line: "redirect to=127.0.0.1:1", felt: "busy", lasts: time.Minute},
		{line: "reject every=5", lasts: time.Minute},
		{line: "reject condition=amqp:link:message-size-exceeded", lasts: time.Minute, dead: true},
		{line: "release every=3", lasts: time.Minute},
		{line: "release", lasts: time.Minute},
		{line: "release logged", lasts: time.Minute},
		{line: "modify", lasts: time.Minute},
		{line: "stateless every=3", lasts: time.Minute},
		{line: "no-answer every=20", lasts: time.Minute},
		{line: "no-answer", lasts: 3 * time.Minute},
		{line: "no-answer unlogged", lasts: 3 * time.Minute},
		{line: "delay by=5s", lasts: time.Minute},
		{line: "delay by=2m", lasts: 5 * time.Minute},
		{line: "drop-unanswered every=10", lasts: time.Minute},
		{line: "drop-unanswered how=rst p=0.2 seed=3", lasts: time.Minute},
		{line: "throttle", lasts: time.Minute},
		{line: "throttle rate=1", lasts: 5 * time.Minute},
		{line: "quota", lasts: 10 * time.Minute},
		{line: "put-token status=401", felt: "drop", lasts: time.Minute},
		{line: "put-token status=500", felt: "drop", lasts: time.Minute},
		{line: "put-token slow=20s", felt: "drop", lasts: time.Minute},
		{line: "put-token never", felt: "drop", lasts: 5 * time.Minute},
		{line: "busy", lasts: time.Minute},
		{line: "busy every=5s", lasts: time.Minute},
		{line: "detach condition=amqp:unauthorized-access every=5s", lasts: time.Minute},
		{line: "detach condition=com.microsoft:iot-hub-suspended every=5s", lasts: time.Minute},
		{line: "steal", lasts: time.Minute},
		{line: "steal how=internal telemetry", lasts: time.Minute},
		{line: "credit-zero", lasts: 5 * time.Minute},
		{line: "drop", lasts: time.Minute},
		{line: "drop how=rst every=7s", lasts: time.Minute},
		{line: "blackhole", lasts: 5 * time.Minute},
		{line: "blackhole new", lasts: 10 * time.Minute},
		{line: "stall", lasts: 5 * time.Minute},
		{line: "no-close", lasts: time.Minute},
		{line: "no-heartbeat", lasts: 10 * time.Minute},
		{line: "token-expire", lasts: time.Minute},
		{line: "second-connection", lasts: time.Minute},
		{line: "second-connection every=5s", lasts: time.Minute},
		{line: "half-frame", lasts: 3 * time.Minute},
		{line: "half-frame how=fin", lasts: time.Minute},
		{line: "oversized-frame", lasts: time.Minute},
		{line: "garbage bytes=64", lasts: time.Minute},
		{line: "clock-skew by=2h", lasts: 10 * time.Minute},
		{line: "clock-skew by=-2h", lasts: 10 * time.Minute},
	}
}
