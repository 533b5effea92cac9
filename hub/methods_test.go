package hub_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func methodsAddress(id string) string { return "/devices/" + id + "/methods/devicebound" }

func (p *peer) methods(id string, credit int32) *pair {
	return p.pair(methodsAddress(id), "methods:"+rand.Text(), credit)
}

// answer is one call's result.
type answer struct {
	hub.MethodResult
	err   error
	after time.Duration
}

// invoke calls in the background.
func (r *rig) invoke(id string, m hub.Method) <-chan answer {
	done, start := make(chan answer, 1), time.Now()
	go func() {
		result, err := r.hub.InvokeMethod(r.ctx, id, m)
		done <- answer{result, err, time.Since(start)}
	}()
	return done
}

func methodReply(request *amqp.Message, status any, body string) *amqp.Message {
	return &amqp.Message{
		Properties:            &amqp.MessageProperties{CorrelationID: request.Properties.CorrelationID},
		ApplicationProperties: map[string]any{"IoThub-status": status},
		Data:                  [][]byte{[]byte(body)},
	}
}

func TestDirectMethod(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	device := r.asDevice("dev1").methods("dev1", 10)
	called := r.invoke("dev1", hub.Method{Name: "reboot", Payload: json.RawMessage(`{"delay":5}`)})
	request := device.receive(device.in)
	if _, ok := request.Properties.CorrelationID.(amqp.UUID); !ok {
		t.Fatalf("correlation-id is %T, want a uuid", request.Properties.CorrelationID)
	}
	if request.ApplicationProperties["IoThub-methodname"] != "reboot" || string(request.GetData()) != `{"delay":5}` {
		t.Errorf("request %v %s", request.ApplicationProperties, request.GetData())
	}
	r.must(device.out.Send(r.ctx, methodReply(request, int32(207), `{"ok":true}`), nil))
	if a := <-called; a.err != nil || a.Status != 207 || string(a.Payload) != `{"ok":true}` {
		t.Errorf("result %+v", a)
	}

	// Without payload, either way.
	called = r.invoke("dev1", hub.Method{Name: "ping"})
	request = device.receive(device.in)
	if string(request.GetData()) != "null" {
		t.Errorf("request without payload has %q", request.GetData())
	}
	r.must(device.out.Send(r.ctx, methodReply(request, uint32(200), ""), nil))
	if a := <-called; a.err != nil || a.Status != 200 || string(a.Payload) != "null" {
		t.Errorf("result %+v", a)
	}
}

func TestDirectMethodRepliesFindTheirCalls(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	device := r.asDevice("dev1").methods("dev1", 10)
	calls := make(map[string]<-chan answer)
	requests := make(map[string]*amqp.Message)
	for i := range 5 {
		name := fmt.Sprint("m", i)
		calls[name] = r.invoke("dev1", hub.Method{Name: name})
		m := device.receive(device.in)
		requests[m.ApplicationProperties["IoThub-methodname"].(string)] = m
	}
	for name, m := range requests { // in any order
		r.must(device.out.Send(r.ctx, methodReply(m, int32(200), `"`+name+`"`), nil))
	}
	for name, done := range calls {
		if a := <-done; a.err != nil || string(a.Payload) != `"`+name+`"` {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func wantRefused(t *testing.T, a answer, code int, after time.Duration) {
	t.Helper()
	var e *hub.Error
	if !errors.As(a.err, &e) || e.Code != code || e.Status != code/1000 || e.TrackingID == "" {
		t.Errorf("error %v, want %d", a.err, code)
	}
	if a.after != after {
		t.Errorf("refused after %v, want %v", a.after, after)
	}
}

func TestDirectMethodTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		wantRefused(t, <-r.invoke("nobody", hub.Method{Name: "m"}), 404001, 0)
		wantRefused(t, <-r.invoke("dev1", hub.Method{Name: "m"}), 404103, 0)
		wantRefused(t, <-r.invoke("dev1", hub.Method{Name: "m", ConnectTimeout: 20 * time.Second}), 404103, 20*time.Second)

		// A device that comes in time is called; its time to reply starts then.
		called := r.invoke("dev1", hub.Method{Name: "m", ConnectTimeout: 20 * time.Second, ResponseTimeout: 7 * time.Second})
		time.Sleep(19 * time.Second)
		d := r.asDevice("dev1")
		device := d.methods("dev1", 10)
		late := device.receive(device.in)
		wantRefused(t, <-called, 504101, 26*time.Second)
		wantRefused(t, <-r.invoke("dev1", hub.Method{Name: "m"}), 504101, 30*time.Second)

		// The late reply is taken and harms nobody.
		device.accepted(device.out, methodReply(late, int32(200), "1"))
		device.receive(device.in)
		called = r.invoke("dev1", hub.Method{Name: "m"})
		next := device.receive(device.in)
		device.accepted(device.out, methodReply(late, int32(200), "1"))
		device.accepted(device.out, methodReply(next, int32(200), "2"))
		if a := <-called; string(a.Payload) != "2" {
			t.Errorf("result %+v", a)
		}

		// The device goes while the call waits.
		called = r.invoke("dev1", hub.Method{Name: "m"})
		device.receive(device.in)
		time.Sleep(3 * time.Second)
		d.conn.Close()
		wantRefused(t, <-called, 404104, 3*time.Second)

		called = r.invoke("dev1", hub.Method{Name: "m", ConnectTimeout: time.Hour})
		time.Sleep(time.Second)
		r.must(r.hub.RemoveDevice("dev1"))
		wantRefused(t, <-called, 404001, time.Second)
	})
}

func TestDirectMethodWaitsForCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		device := r.asDevice("dev1").methods("dev1", -1)
		wantRefused(t, <-r.invoke("dev1", hub.Method{Name: "m", ResponseTimeout: 5 * time.Second}), 504101, 5*time.Second)
		called := r.invoke("dev1", hub.Method{Name: "m"})
		time.Sleep(29 * time.Second)
		r.must(device.in.IssueCredit(1))
		r.must(device.out.Send(r.ctx, methodReply(device.receive(device.in), int32(200), "{}"), nil))
		if a := <-called; a.err != nil || a.after != 29*time.Second {
			t.Errorf("result %+v", a)
		}
	})
}

func TestDirectMethodEndsWithItsContext(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	device := r.asDevice("dev1").methods("dev1", 10)
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error)
	go func() {
		_, err := r.hub.InvokeMethod(ctx, "dev1", hub.Method{Name: "m"})
		done <- err
	}()
	device.receive(device.in)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestDirectMethodRefusals(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	device := r.asDevice("dev1").methods("dev1", 10)
	for name, c := range map[string]struct {
		m    hub.Method
		code int
	}{
		"no name":  {hub.Method{}, 400004},
		"no JSON":  {hub.Method{Name: "m", Payload: json.RawMessage("{")}, 400004},
		"too long": {hub.Method{Name: "m", Payload: json.RawMessage(`"` + strings.Repeat("x", 128<<10) + `"`)}, 413001},
	} {
		var e *hub.Error
		if _, err := r.hub.InvokeMethod(r.ctx, "dev1", c.m); !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	called := r.invoke("dev1", hub.Method{Name: "m"})
	request := device.receive(device.in)
	noStatus := methodReply(request, int32(200), "{}")
	noStatus.ApplicationProperties = nil
	byText := methodReply(request, int32(200), "{}")
	byText.Properties.CorrelationID = "text"
	for name, m := range map[string]*amqp.Message{"no status": noStatus, "no uuid": byText} {
		if e := device.rejected(device.out, m); e.Condition != amqp.ErrCondInvalidField {
			t.Errorf("%s: %v", name, e)
		}
	}
	if e := device.rejected(device.out, methodReply(request, int32(200), strings.Repeat("1", 140<<10))); e.Condition != amqp.ErrCondMessageSizeExceeded {
		t.Errorf("long reply: %v", e)
	}
	device.accepted(device.out, methodReply(request, int32(200), "not JSON"))
	a := <-called
	wantRefused(t, a, 502000, a.after)
}

func TestDirectMethodCallsAreBounded(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	for range 101 { // a call that is over takes no room
		a := <-r.invoke("dev1", hub.Method{Name: "m"})
		wantRefused(t, a, 404103, a.after)
	}
	device := r.asDevice("dev1").methods("dev1", 200)
	calls := make([]<-chan answer, 100)
	for i := range calls {
		calls[i] = r.invoke("dev1", hub.Method{Name: "m"})
		device.receive(device.in)
	}
	a := <-r.invoke("dev1", hub.Method{Name: "one too many"})
	wantRefused(t, a, 429001, a.after)
	device.conn.Close()
	for _, done := range calls {
		a := <-done
		wantRefused(t, a, 404104, a.after)
	}
}
