package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestDeviceFeedbackLinkIsRefused(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	d := r.asDevice("dev1")
	_, err := d.session.NewSender(r.ctx, feedbackAddress, nil)
	if f := describe(t, err); condition(err) != "amqp:not-found" || f.ErrorCode != 404006 {
		t.Errorf("error %v", err)
	}
}

func feedbackMessage(body string) *amqp.Message {
	contentType := "application/vnd.microsoft.iothub.feedback.json"
	m := amqp.NewMessage([]byte(body))
	m.Properties = &amqp.MessageProperties{ContentType: &contentType}
	return m
}

// all reads feedback until the hub has no more.
func (p *peer) allFeedback() []record {
	p.Helper()
	in := p.receiver(feedbackAddress, secondMode(10))
	defer in.Close(p.ctx)
	time.Sleep(time.Minute)
	synctest.Wait()
	var all []record
	for m := in.Prefetched(); m != nil; m = in.Prefetched() {
		all = append(all, p.records(m)...)
		p.must(in.AcceptMessage(p.ctx, m))
		synctest.Wait()
	}
	return all
}

func TestDeviceFeedbackJoinsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{DeviceFeedbackLink: true})
		r.device("dev1")
		r.device("dev2")
		svc, d := r.asService(), r.asDevice("dev1")
		out, in := svc.sender("/messages/devicebound"), d.receiver(deviceboundAddress("dev1"), secondMode(5))
		own := d.sender(feedbackAddress)
		generation := r.hub.Devices()[0].GenerationID

		// The device's record comes first, and the hub's own is dropped.
		svc.accepted(out, command("dev1", "device-first", "full"))
		m := d.receive(in)
		d.accepted(own, feedbackMessage(`[{"originalMessageId":"device-first","statusCode":"Rejected","enqueuedTimeUtc":"2026-03-01T12:00:00.5+01:00"}]`))
		r.must(in.AcceptMessage(r.ctx, m))
		// The hub's comes first, and the device's is dropped.
		svc.accepted(out, command("dev1", "hub-first", "full"))
		r.must(in.AcceptMessage(r.ctx, d.receive(in)))
		completed := time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")
		d.accepted(own, feedbackMessage(`{"originalMessageId":"hub-first","deviceId":"dev1","statusCode":"Rejected","description":"mine"}`))
		// The same identifier at another device is another message.
		svc.accepted(out, command("dev2", "hub-first", "full"))
		if _, err := r.hub.PurgeQueue("dev2"); err != nil {
			t.Fatal(err)
		}

		got := svc.allFeedback()
		want := []record{
			{OriginalMessageID: "device-first", Description: "Message rejected", DeviceGenerationID: generation, DeviceID: "dev1",
				EnqueuedTimeUTC: "2026-03-01T11:00:00.5000000Z", StatusCode: "Rejected"},
			{OriginalMessageID: "hub-first", Description: "Success", DeviceGenerationID: generation, DeviceID: "dev1",
				EnqueuedTimeUTC: completed, StatusCode: "Success"},
			{OriginalMessageID: "hub-first", Description: "Message purged", DeviceGenerationID: r.hub.Devices()[1].GenerationID, DeviceID: "dev2",
				EnqueuedTimeUTC: completed, StatusCode: "Purged"},
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("feedback %+v\nwant %+v", got, want)
		}

		// A removed device's messages are forgotten with it.
		r.must(r.hub.RemoveDevice("dev2"))
		r.device("dev2")
		svc.accepted(out, command("dev2", "hub-first", "full"))
		if _, err := r.hub.PurgeQueue("dev2"); err != nil {
			t.Fatal(err)
		}
		if again := svc.allFeedback(); len(again) != 1 || again[0].DeviceID != "dev2" {
			t.Errorf("feedback of the new device %+v", again)
		}
	})
}

func TestDeviceFeedbackRefusals(t *testing.T) {
	r := newRig(t, hub.Options{DeviceFeedbackLink: true})
	r.device("dev1")
	r.device("dev2")
	d := r.asDevice("dev1")
	own := d.sender(feedbackAddress)
	for body, want := range map[string]amqp.ErrCond{
		"":                           amqp.ErrCondInvalidField,
		"no":                         amqp.ErrCondInvalidField,
		"[]":                         amqp.ErrCondInvalidField,
		"[null]":                     amqp.ErrCondInvalidField,
		`[{"statusCode":"Success"}]`: amqp.ErrCondInvalidField,
		`[{"originalMessageId":"` + strings.Repeat("m", 129) + `","statusCode":"Success"}]`:                                     amqp.ErrCondInvalidField,
		`[{"originalMessageId":"m","statusCode":"Success","description":"` + strings.Repeat("d", 1025) + `"}]`:                  amqp.ErrCondInvalidField,
		`[{"originalMessageId":"m","statusCode":"Done"}]`:                                                                       amqp.ErrCondInvalidField,
		`[{"originalMessageId":"m","statusCode":"Success","enqueuedTimeUtc":"now"}]`:                                            amqp.ErrCondInvalidField,
		`[{"originalMessageId":"m","statusCode":"Success"},{"originalMessageId":"n","deviceId":"dev2","statusCode":"Success"}]`: amqp.ErrCondUnauthorizedAccess,
		string(make([]byte, 65<<10)): amqp.ErrCondMessageSizeExceeded,
	} {
		if e := d.rejected(own, feedbackMessage(body)); e.Condition != want {
			t.Errorf("%.80q: %v", body, e)
		}
	}
	// The link is a device's, and nobody knows which of two.
	_, err := r.asService().session.NewSender(r.ctx, feedbackAddress, nil)
	r.wantCondition(err, "amqp:unauthorized-access")
	c, err := r.open(nil)
	r.must(err)
	both := r.peer(c)
	b := both.cbs()
	b.put("localhost/devices/dev1", r.deviceToken("dev1", time.Hour))
	b.put("localhost/devices/dev2", r.deviceToken("dev2", time.Hour))
	_, err = both.session.NewSender(r.ctx, feedbackAddress, nil)
	r.wantCondition(err, "amqp:unauthorized-access")
	other, err := r.open(nil)
	r.must(err)
	gateway := r.peer(other)
	g := gateway.cbs()
	g.put("localhost", r.serviceToken(time.Hour))
	g.put("localhost/devices/dev1", r.deviceToken("dev1", time.Hour))
	_, err = gateway.session.NewSender(r.ctx, feedbackAddress, nil)
	r.wantCondition(err, "amqp:unauthorized-access")
}
