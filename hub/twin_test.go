package hub_test

import (
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

func twinAddress(id string) string { return "/devices/" + id + "/twin" }

// pair are a device's two links for its twin or its methods.
type pair struct {
	*peer
	out *amqp.Sender
	in  *amqp.Receiver
}

func channelProperties(id string) map[string]any {
	return map[string]any{"com.microsoft:api-version": "2021-04-12", "com.microsoft:channel-correlation-id": id}
}

// pair attaches as Microsoft's SDKs do, the receiver first.
func (p *peer) pair(address, id string, credit int32) *pair {
	p.Helper()
	in, err := p.session.NewReceiver(p.ctx, address, &amqp.ReceiverOptions{
		Properties: channelProperties(id), Credit: credit, RequestedSenderSettleMode: amqp.SenderSettleModeSettled.Ptr(),
	})
	p.must(err)
	out, err := p.session.NewSender(p.ctx, address, &amqp.SenderOptions{Properties: channelProperties(id)})
	p.must(err)
	return &pair{peer: p, out: out, in: in}
}

func (p *peer) twin(id string) *pair { return p.pair(twinAddress(id), "twin:"+rand.Text(), 10) }

func twinRequest(id any, operation, of, body string) *amqp.Message {
	m := &amqp.Message{
		Properties:  &amqp.MessageProperties{CorrelationID: id},
		Annotations: amqp.Annotations{"operation": operation},
		Data:        [][]byte{[]byte(body)},
	}
	if of != "" {
		m.Annotations["resource"] = of
	}
	return m
}

// ask does one request and returns status and body of its reply.
func (p *pair) ask(m *amqp.Message) (status int32, reply *amqp.Message) {
	p.Helper()
	p.must(p.out.Send(p.ctx, m, nil))
	reply = p.receive(p.in)
	if reply.Properties == nil || reply.Properties.CorrelationID != m.Properties.CorrelationID {
		p.Fatalf("reply has correlation-id %+v, want %v", reply.Properties, m.Properties.CorrelationID)
	}
	status, ok := reply.Annotations["status"].(int32)
	if !ok {
		p.Fatalf("status is %T", reply.Annotations["status"])
	}
	return status, reply
}

// sameJSON compares texts as values.
func (r *rig) sameJSON(what string, got []byte, want string) {
	r.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		r.Errorf("%s is %q: %v", what, got, err)
		return
	}
	r.must(json.Unmarshal([]byte(want), &w))
	if fmt.Sprint(g) != fmt.Sprint(w) {
		r.Errorf("%s is %s, want %s", what, got, want)
	}
}

func TestTwinOverItsLinks(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	twin := r.asDevice("dev1").twin("dev1")

	// Node and C send a space for no body, and Node a string value.
	status, reply := twin.ask(twinRequest("g1", "GET", "", " "))
	r.sameJSON("the first twin", reply.GetData(), `{"desired":{"$version":1},"reported":{"$version":1}}`)
	if status != 200 {
		t.Errorf("GET: %d", status)
	}
	patch := twinRequest(amqp.UUID{1}, "PATCH", "/properties/reported/", "")
	patch.Data, patch.Value = nil, `{"firmware":{"version":"1.2","rolled":null},"uptime":12.50,"old":true}`
	status, reply = twin.ask(patch)
	if version, ok := reply.Annotations["version"].(int64); status != 204 || !ok || version != 2 {
		t.Errorf("PATCH: %d, annotations %v", status, reply.Annotations)
	}
	twin.ask(twinRequest("p2", "PATCH", "/properties/reported", `{"firmware":{"channel":"beta"},"old":null}`))
	if _, err := r.hub.SetDesired("dev1", json.RawMessage(`{"interval":60}`)); err != nil {
		t.Fatal(err)
	}
	_, reply = twin.ask(twinRequest(uint64(4), "GET", "", ""))
	r.sameJSON("the twin", reply.GetData(), `{"desired":{"interval":60,"$version":2},
		"reported":{"firmware":{"version":"1.2","channel":"beta"},"uptime":12.50,"$version":3}}`)
	if !strings.Contains(string(reply.GetData()), "12.50") {
		t.Errorf("the number is not as written: %s", reply.GetData())
	}
}

func TestTwinTellsOfDesiredChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		twin := r.asDevice("dev1").twin("dev1")
		set := func(patch string) {
			t.Helper()
			if _, err := r.hub.SetDesired("dev1", json.RawMessage(patch)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		set(`{"before":"subscribing"}`)
		if m := twin.in.Prefetched(); m != nil {
			t.Fatalf("told without having asked: %s", m.GetData())
		}
		const notifications = "/notifications/twin/properties/desired"
		if status, _ := twin.ask(twinRequest("s", "PUT", notifications, " ")); status != 200 {
			t.Errorf("subscribe: %d", status)
		}
		set(`{"interval":60,"before":null}`)
		m := twin.receive(twin.in)
		r.sameJSON("the notification", m.GetData(), `{"interval":60,"before":null,"$version":3}`)
		if m.Properties != nil && m.Properties.CorrelationID != nil {
			t.Errorf("correlation-id %v", m.Properties.CorrelationID)
		}
		if m.Annotations["resource"] != "/properties/desired" || m.Annotations["version"] != int64(3) {
			t.Errorf("annotations %v", m.Annotations)
		}
		if _, err := r.hub.UpdateTwin("dev1", hub.TwinUpdate{Tags: json.RawMessage(`{"floor":1}`)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if m := twin.in.Prefetched(); m != nil {
			t.Errorf("told of tags: %s", m.GetData())
		}
		if status, _ := twin.ask(twinRequest("u", "DELETE", notifications, " ")); status != 200 {
			t.Errorf("unsubscribe: %d", status)
		}
		set(`{"interval":61}`)
		if m := twin.in.Prefetched(); m != nil {
			t.Errorf("told after unsubscribing: %s", m.GetData())
		}
		// What changes while nobody listens is not told later.
		twin.ask(twinRequest("s2", "PUT", notifications, " "))
		twin.conn.Close()
		set(`{"interval":62}`)
		again := r.asDevice("dev1").pair(twinAddress("dev1"), "twin:2", 10)
		synctest.Wait()
		if m := again.in.Prefetched(); m != nil {
			t.Errorf("told of what was: %s", m.GetData())
		}
		set(`{"interval":63}`)
		if m := again.in.Prefetched(); m != nil {
			t.Errorf("a subscription outlived its links: %s", m.GetData())
		}
	})
}

func TestTwinRefusals(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	twin := r.asDevice("dev1").twin("dev1")
	twin.ask(twinRequest("0", "PATCH", "/properties/reported", `{"kept":1}`))
	reported := func(body string) *amqp.Message { return twinRequest("p", "PATCH", "/properties/reported", body) }
	stale := reported(`{"kept":2}`)
	stale.Annotations["version"] = int64(1)
	large := make([]string, 9)
	for i := range large {
		large[i] = fmt.Sprintf(`"p%d":%q`, i, strings.Repeat("x", 4000))
	}
	for name, c := range map[string]struct {
		m      *amqp.Message
		status int32
		code   int
	}{
		"no JSON":           {reported("{"), 400, 400004},
		"no object":         {reported("[1]"), 400, 400004},
		"null":              {reported("null"), 400, 400004},
		"two values":        {reported("{}{}"), 400, 400004},
		"a dot in a name":   {reported(`{"a.b":1}`), 400, 400004},
		"a dollar":          {reported(`{"a":{"$b":1}}`), 400, 400004},
		"an empty name":     {reported(`{"":1}`), 400, 400004},
		"a long name":       {reported(`{"` + strings.Repeat("n", 1025) + `":1}`), 400, 400004},
		"a long text":       {reported(`{"a":"` + strings.Repeat("x", 4097) + `"}`), 400, 400004},
		"a large integer":   {reported(`{"a":4503599627370496}`), 400, 400004},
		"eleven levels":     {reported(strings.Repeat(`{"a":`, 11) + "1" + strings.Repeat("}", 11)), 400, 400004},
		"over 32 KB":        {reported("{" + strings.Join(large, ",") + "}"), 403, 403100},
		"values of no size": {reported(`{"a":[` + strings.Repeat("[],", 16384) + `""]}`), 403, 403100},
		"a stale version":   {stale, 412, 412001},
		"desired":           {twinRequest("d", "PATCH", "/properties/desired", "{}"), 400, 400004},
		"unknown operation": {twinRequest("o", "POST", "", "{}"), 400, 400004},
	} {
		status, reply := twin.ask(c.m)
		var f faultText
		r.must(json.Unmarshal(reply.GetData(), &f))
		if status != c.status || f.ErrorCode != c.code || f.TrackingID == "" || f.Message == "" {
			t.Errorf("%s: status %d, %+v", name, status, f)
		}
	}
	_, reply := twin.ask(twinRequest("g", "GET", "", " "))
	r.sameJSON("the twin", reply.GetData(), `{"desired":{"$version":1},"reported":{"kept":1,"$version":2}}`)
	ten := reported(strings.Repeat(`{"a":`, 10) + "1" + strings.Repeat("}", 10))
	if status, _ := twin.ask(ten); status != 204 {
		t.Errorf("ten levels: %d", status)
	}
}

// Control characters and the digits of a number have no size in a twin, but they
// take memory.
func TestTwinOfHiddenSizeIsRefused(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	twin := r.asDevice("dev1").twin("dev1")
	texts := strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat(`\u0001`, 4000)+`",`, 6), ",")
	for name, value := range map[string]string{"controls": "[" + texts + "]", "digits": "0." + strings.Repeat("7", 140_000)} {
		ask := func(property string) int32 {
			status, _ := twin.ask(twinRequest(property, "PATCH", "/properties/reported", fmt.Sprintf(`{%q:%s}`, property, value)))
			return status
		}
		if a, b := ask("a"), ask("b"); a != 204 || b != 403 {
			t.Errorf("%s: %d, twice as many %d", name, a, b)
		}
	}
}

// A reply could not be told from a notification.
func TestTwinRequestWithoutCorrelationIDGetsNoReply(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	twin := r.asDevice("dev1").twin("dev1")
	silent := twinRequest(nil, "PATCH", "/properties/reported", `{"a":1}`)
	silent.Properties = nil
	r.must(twin.out.Send(r.ctx, silent, nil))
	_, reply := twin.ask(twinRequest("g", "GET", "", " "))
	r.sameJSON("the twin", reply.GetData(), `{"desired":{"$version":1},"reported":{"a":1,"$version":2}}`)
}

func TestTwinRepliesWaitForCreditAndAreBounded(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	twin := r.asDevice("dev1").pair(twinAddress("dev1"), "twin:1", -1)
	for i := range 70 {
		r.must(twin.out.Send(r.ctx, twinRequest(fmt.Sprint(i), "GET", "", " "), nil))
	}
	r.must(twin.in.IssueCredit(100))
	for i := 6; i < 70; i++ {
		if m := twin.receive(twin.in); m.Properties.CorrelationID != fmt.Sprint(i) {
			t.Fatalf("reply to %v, want %d", m.Properties.CorrelationID, i)
		}
	}
}

func TestTwinOfTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		start := time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")
		first, err := r.hub.Twin("dev1")
		r.must(err)
		r.sameJSON("desired", first.Desired, `{"$metadata":{"$lastUpdated":"`+start+`"},"$version":1}`)
		time.Sleep(time.Minute)
		later := time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")
		twin, err := r.hub.UpdateTwin("dev1", hub.TwinUpdate{
			Tags: json.RawMessage(`{"floor":3}`), Desired: json.RawMessage(`{"a":{"b":1},"$version":7}`), IfMatch: first.ETag,
		})
		r.must(err)
		stamp := `"$lastUpdated":"` + later + `","$lastUpdatedVersion":2`
		r.sameJSON("desired", twin.Desired, `{"a":{"b":1},"$version":2,"$metadata":{`+stamp+`,"a":{`+stamp+`,"b":{`+stamp+`}}}}`)
		r.sameJSON("tags", twin.Tags, `{"floor":3}`)
		if twin.Version != first.Version+1 || twin.ETag == first.ETag || twin.Device.ID != "dev1" {
			t.Errorf("twin %+v after %+v", twin, first)
		}
		var refused *hub.Error
		_, err = r.hub.UpdateTwin("dev1", hub.TwinUpdate{Tags: json.RawMessage(`{}`), IfMatch: first.ETag})
		if !errors.As(err, &refused) || refused.Status != 412 {
			t.Errorf("stale etag: %v", err)
		}
		// All or nothing.
		_, err = r.hub.UpdateTwin("dev1", hub.TwinUpdate{Tags: json.RawMessage(`{"floor":4}`), Desired: json.RawMessage(`7`)})
		if !errors.As(err, &refused) || refused.Status != 400 {
			t.Errorf("desired that is no object: %v", err)
		}
		twin, err = r.hub.UpdateTwin("dev1", hub.TwinUpdate{Desired: json.RawMessage(`{"c":true}`), Replace: true})
		r.must(err)
		r.sameJSON("desired", twin.Desired, `{"c":true,"$version":3,"$metadata":{`+strings.ReplaceAll(stamp, ":2", ":3")+
			`,"c":{`+strings.ReplaceAll(stamp, ":2", ":3")+`}}}`)
		r.sameJSON("tags", twin.Tags, `{"floor":3}`)
		big := `{"t":["` + strings.Repeat(strings.Repeat("x", 4000)+`","`, 2) + strings.Repeat("y", 200) + `"]}`
		if _, err = r.hub.UpdateTwin("dev1", hub.TwinUpdate{Tags: json.RawMessage(big)}); !errors.As(err, &refused) || refused.Code != 403100 {
			t.Errorf("tags over 8 KB: %v", err)
		}
		// Only desired properties tell which version set them.
		r.asDevice("dev1").twin("dev1").ask(twinRequest("p", "PATCH", "/properties/reported", `{"up":1}`))
		twin, err = r.hub.Twin("dev1")
		r.must(err)
		stamp = `"$lastUpdated":"` + later + `"`
		r.sameJSON("reported", twin.Reported, `{"up":1,"$version":2,"$metadata":{`+stamp+`,"up":{`+stamp+`}}}`)
		if _, err := r.hub.Twin("nobody"); !errors.Is(err, hub.ErrDeviceNotFound) {
			t.Errorf("unknown device: %v", err)
		}
	})
}
