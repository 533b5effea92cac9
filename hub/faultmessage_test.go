package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func TestFaultyRejectionsSayWhy(t *testing.T) {
	for line, want := range map[string]*amqp.Error{
		"reject": {Condition: "amqp:internal-error", Description: `"errorCode":500001`},
		`reject condition=com.example:odd description="Not today."`: {Condition: "com.example:odd", Description: "Not today."},
		"throttle": {Condition: "com.microsoft:device-container-throttled", Description: `"errorCode":429001`},
		"quota":    {Condition: "amqp:resource-limit-exceeded", Description: `"errorCode":403002`},
	} {
		faulty(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			got := d.rejected(d.sender(telemetryAddress("dev1")), text("x"))
			if got.Condition != want.Condition || !strings.Contains(got.Description, want.Description) {
				t.Errorf("%s: %v", line, got)
			}
			if got.Info["com.microsoft:tracking-id"] == nil {
				t.Errorf("%s: no tracking id", line)
			}
		}, line)
	}
}

// What a fault leaves in the log does not depend on what it answers.
func TestFaultyOutcomesAndTheLog(t *testing.T) {
	for line, want := range map[string]int64{
		"reject": 0, "reject logged": 1,
		"release": 0, "release logged": 1,
		"modify": 0, "modify logged": 1,
		"throttle": 0, "throttle logged": 1,
		"quota": 0, "quota logged": 1,
		"stateless": 1, "stateless unlogged": 0,
	} {
		faulty(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			state := d.outcome(d.sender(telemetryAddress("dev1")), text("x"))
			if _, accepted := state.(*amqp.StateAccepted); accepted {
				t.Errorf("%s: accepted", line)
			}
			if n := r.hub.EventCount(); n != want {
				t.Errorf("%s: %d events, want %d", line, n, want)
			}
		}, line)
	}
}

func TestFaultyDispositionComesLate(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		begun := time.Now()
		if got := d.outcomes(s, 2); got != "aa" || time.Since(begun) != 3*time.Second {
			t.Errorf("%s after %v, want the first after 3s", got, time.Since(begun))
		}
	}, "delay by=3s count=1")
}

func TestFaultyDispositionNeverComes(t *testing.T) {
	for line, want := range map[string]int64{"no-answer": 1, "no-answer unlogged": 0} {
		faulty(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			receipt, err := d.sender(telemetryAddress("dev1")).SendWithReceipt(r.ctx, text("x"), nil)
			r.must(err)
			ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
			defer cancel()
			if state, err := receipt.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, %v", line, state, err)
			}
			if n := r.hub.EventCount(); n != want {
				t.Errorf("%s: %d events, want %d", line, n, want)
			}
		}, line)
	}
}

func TestFaultyDropBeforeTheDisposition(t *testing.T) {
	for line, want := range map[string]int64{
		"drop-unanswered count=1": 1, "drop-unanswered count=1 unlogged": 0,
		"drop-unanswered count=1 how=fin": 1, "drop after=1": 1, "drop every=2 how=fin": 1,
	} {
		faulty(t, func(t *testing.T, r *rig) {
			d := r.asDevice("dev1")
			s := d.sender(telemetryAddress("dev1"))
			if strings.HasPrefix(line, "drop ") {
				d.accepted(s, text("x"))
			}
			var state amqp.DeliveryState
			receipt, err := s.SendWithReceipt(r.ctx, text("x"), nil) // it may meet the end itself
			if err == nil {
				state, err = receipt.Wait(r.ctx)
			}
			var lost *amqp.ConnError
			if !errors.As(err, &lost) || lost.RemoteErr != nil {
				t.Errorf("%s: %v, %v", line, state, err)
			}
			if n := r.hub.EventCount(); n != want {
				t.Errorf("%s: %d events, want %d", line, n, want)
			}
			again := r.asDevice("dev1")
			again.accepted(again.sender(telemetryAddress("dev1")), text("x"))
		}, line)
	}
}

func TestFaultyThrottleRecovers(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		s := d.sender(telemetryAddress("dev1"))
		for i, want := range []string{"aaaaRR", "aaRRRR", "aaaaRR"} {
			if got := d.outcomes(s, 6); got != want {
				t.Errorf("round %d: %s, want %s", i, got, want)
			}
			time.Sleep([]time.Duration{500 * time.Millisecond, time.Hour, 0}[i])
		}
	}, "throttle rate=4")
}

// What lasts strikes once, however many messages there are.
func TestFaultThatLastsStrikesOnce(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		d := r.asDevice("dev1")
		if got := d.outcomes(d.sender(telemetryAddress("dev1")), 5); got != "aaaaa" {
			t.Errorf("outcomes %s", got)
		}
		r.struck(1, 1)
	}, "no-close after=2")
}

// Messages of other links are met as well: here a cloud-to-device message of a
// service.
func TestFaultyLinksOfServices(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		svc := r.asService()
		s := svc.sender("/messages/devicebound")
		if e := svc.rejected(s, command("dev1", "c1", "")); e.Condition != "amqp:resource-limit-exceeded" {
			t.Errorf("condition %s", e.Condition)
		}
		svc.accepted(s, command("dev1", "c2", ""))
	}, "quota servicebound count=1")
}

func TestFaultyPutToken(t *testing.T) {
	for line, want := range map[string]struct {
		status int32
		after  time.Duration
		text   string
	}{
		"put-token slow=40s count=1":                               {200, 40 * time.Second, "OK"},
		"put-token status=500 count=1":                             {500, 0, "The hub refuses the token."},
		`put-token device=dev1 status=401 description="x" count=1`: {401, 0, "x"},
		"put-token status=503 slow=1s count=1":                     {503, time.Second, "The hub refuses the token."},
		"put-token device=dev2 status=401":                         {200, 0, "OK"},
	} {
		faulty(t, func(t *testing.T, r *rig) {
			c, err := r.open(nil)
			r.must(err)
			cbs := r.peer(c).cbs()
			ask := putTokenMessage("1", sasType, r.hub.HostName()+"/devices/dev1", r.deviceToken("dev1", time.Hour))
			begun := time.Now()
			reply, status := cbs.request(ask)
			if took := time.Since(begun); status != want.status || took != want.after || reply.ApplicationProperties["status-description"] != want.text {
				t.Errorf("%s: %d %v after %v", line, status, reply.ApplicationProperties["status-description"], took)
			}
			if reply.Properties.CorrelationID != "1" {
				t.Errorf("%s: correlation-id %v", line, reply.Properties.CorrelationID)
			}
			if _, status := cbs.request(ask); status != 200 {
				t.Errorf("%s: then %d", line, status)
			}
		}, line)
	}
}

func TestFaultyTwinReply(t *testing.T) {
	for line, want := range map[string]struct {
		status int32
		after  time.Duration
		code   int
	}{
		"twin-reply slow=40s count=1":           {204, 40 * time.Second, 0},
		"twin-reply status=429 count=1":         {429, 0, 429001},
		"twin-reply status=503 slow=1s count=1": {503, time.Second, 503001},
		"twin-reply status=418 count=1":         {418, 0, 418000},
		"twin-reply device=dev2 status=401":     {204, 0, 0},
	} {
		faulty(t, func(t *testing.T, r *rig) {
			twin := r.asDevice("dev1").twin("dev1")
			begun := time.Now()
			status, reply := twin.ask(twinRequest("p", "PATCH", "/properties/reported", `{"a":1}`))
			var f faultText
			if want.code != 0 {
				r.must(json.Unmarshal(reply.GetData(), &f))
			}
			if took := time.Since(begun); status != want.status || took != want.after || f.ErrorCode != want.code {
				t.Errorf("%s: %d %s after %v", line, status, reply.GetData(), took)
			}
			_, reply = twin.ask(twinRequest("g", "GET", "", " "))
			if done := strings.Contains(string(reply.GetData()), `"a":1`); done != (want.status == 204) {
				t.Errorf("%s: then %s", line, reply.GetData())
			}
		}, line)
	}
	faulty(t, func(t *testing.T, r *rig) {
		twin := r.asDevice("dev1").twin("dev1")
		r.must(twin.out.Send(r.ctx, twinRequest("lost", "GET", "", " "), nil))
		twin.ask(twinRequest("g", "GET", "", " ")) // and not the reply to the first
	}, "twin-reply never count=1")
}

func TestFaultyPutTokenIsNeverAnswered(t *testing.T) {
	faulty(t, func(t *testing.T, r *rig) {
		c, err := r.open(nil)
		r.must(err)
		cbs := r.peer(c).cbs()
		ask := putTokenMessage("1", sasType, r.hub.HostName()+"/devices/dev1", r.deviceToken("dev1", 24*time.Hour))
		r.must(cbs.requests.Send(r.ctx, ask, nil))
		ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
		defer cancel()
		if reply, err := cbs.replies.Receive(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("reply %v, %v", reply, err)
		}
		r.struck(1, 1)
	}, "put-token never count=1")
}
