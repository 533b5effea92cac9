package main

import (
	"context"
	"time"

	"fieldpost/bench/desk"
)

// row is one fault, and how much an agent samples meanwhile.
type row struct {
	name, what string
	shape      string // queueing discipline of both ends of the cable, from the start to the end
	netem      bool   // which needs a kernel with netem
	proxy      bool   // the agent reaches the hub through the proxy
	short      bool   // also in the short form
	silent     bool   // the fault lets nothing through: from a second on, nothing may arrive
	resends    bool   // the fault makes TCP send segments again
	sensors    int
	every      time.Duration
	fault      func(context.Context, *bed) error // returns when the fault has ended; nil: the path is all there is
}

// plain is how long a row lasts that has no fault but its path.
const plain = 20 * time.Second

// rows returns the whole table.
func rows() []row {
	outage := func(name, what string, fault func(context.Context, *bed) error) row {
		return row{name: name, what: what, sensors: 5, every: 100 * time.Millisecond, fault: fault}
	}
	through := func(r row) row { r.proxy = true; return r }
	short := func(r row) row { r.short = true; return r }
	silent := func(r row) row { r.silent = true; return r }
	path := func(name, what, shape string, sensors int, every time.Duration) row {
		return row{name: name, what: what, shape: shape, sensors: sensors, every: every}
	}
	noisy := func(name, what, netem string) row {
		r := path(name, what, "netem limit 10000 "+netem, 2, 200*time.Millisecond)
		r.netem = true
		return r
	}
	lossy := func(name, what, netem string) row {
		r := noisy(name, what, netem)
		r.resends = true
		return r
	}
	return []row{
		path("clean", "no fault", "", 5, 100*time.Millisecond),
		through(outage("delay-200ms", "200 ms each way", toxics(plain, desk.Both("latency", `"latency":200,"jitter":20`)...))),
		through(outage("delay-2s", "2 s each way, give or take 1 s", toxics(plain, desk.Both("latency", `"latency":2000,"jitter":1000`)...))),
		through(outage("slices", "pieces of 1 to 15 bytes, 0.1 ms apart", toxics(plain, desk.Both("slicer", `"average_size":8,"size_variation":7,"delay":100`)...))),
		path("rate-9600", "9600 bit/s", "tbf rate 9600bit burst 1600 latency 10s", 1, 2*time.Second),
		path("rate-64k", "64 kbit/s", "tbf rate 64kbit burst 1600 latency 5s", 1, 200*time.Millisecond),
		path("rate-1m", "1 Mbit/s", "tbf rate 1mbit burst 5000 latency 1s", 5, 100*time.Millisecond),
		path("rate-100m", "100 Mbit/s", "tbf rate 100mbit burst 50000 latency 100ms", 20, 100*time.Millisecond),
		short(silent(outage("cable-2s", "cable pulled for 2 s", cable(2*time.Second)))),
		silent(outage("cable-20s", "cable pulled for 20 s", cable(20*time.Second))),
		silent(outage("cable-90s", "cable pulled for 90 s", cable(90*time.Second))),
		outage("flap", "cable pulled for 3 s, ten times, 3 s between", flap(10, 3*time.Second)),
		silent(outage("black-hole", "packets vanish for 20 s, the link stays up", blackHole(20*time.Second))),
		silent(outage("black-hole-3m", "packets vanish for 3 min, the link stays up", blackHole(3*time.Minute))),
		silent(outage("mtu", "packets above 300 bytes vanish for 40 s", narrow(40*time.Second))),
		short(silent(outage("refused", "the hub's port is closed for 3 s", refused(3*time.Second)))),
		through(silent(outage("stall", "the proxy takes connections and passes nothing on, 20 s", toxics(20*time.Second, desk.Both("timeout", `"timeout":0`)...)))),
		through(outage("deaf", "what the hub says does not arrive, 45 s", toxics(45*time.Second, desk.Toxic("timeout", desk.Downstream, `"timeout":0`)))),
		through(short(outage("cuts-5s", "every connection is cut after 1 to 30000 bytes, 5 s", cuts(5*time.Second)))),
		through(outage("cuts", "every connection is cut after 1 to 30000 bytes, 60 s", cuts(time.Minute))),
		through(outage("resets", "every connection is reset after 1.5 s, 30 s", toxics(30*time.Second, desk.Both("reset_peer", `"timeout":1500`)...))),
		lossy("loss-5", "5 % of all packets lost", "loss 5%"),
		lossy("loss-20", "20 % of all packets lost, 50 ms each way", "delay 50ms loss 20%"),
		noisy("reorder", "every fourth packet overtakes the others, 50 ms each way", "delay 50ms reorder 25% 50%"),
		noisy("duplicate", "every tenth packet comes twice", "duplicate 10%"),
		lossy("corrupt", "every hundredth packet has a wrong bit", "corrupt 1%"),
	}
}
