package hub_test

import (
	"bytes"
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

// faultText is the JSON in an error's description.
type faultText struct {
	ErrorCode    int    `json:"errorCode"`
	TrackingID   string `json:"trackingId"`
	Message      string `json:"message"`
	TimestampUTC string `json:"timestampUtc"`
}

func describe(t *testing.T, err error) (f faultText) {
	t.Helper()
	var e *amqp.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no AMQP error", err)
	}
	if err := json.Unmarshal([]byte(e.Description), &f); err != nil {
		t.Errorf("description %q: %v", e.Description, err)
	}
	return f
}

// command makes a cloud-to-device message.
func command(device, id, ack string) *amqp.Message {
	to := deviceboundAddress(device)
	m := amqp.NewMessage([]byte("body of " + id))
	m.Properties = &amqp.MessageProperties{MessageID: id, To: &to}
	if ack != "" {
		m.ApplicationProperties = map[string]any{"iothub-ack": ack}
	}
	return m
}

func (p *peer) receive(rc *amqp.Receiver) *amqp.Message {
	p.Helper()
	m, err := rc.Receive(p.ctx, nil)
	p.must(err)
	return m
}

func TestDeviceboundMessageCarriesItsProperties(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc := r.asService()
	out := svc.sender("/messages/devicebound")
	contentType, subject, expiry := "application/json", "about", time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
	m := command("dev1", "c-1", "full")
	m.Properties.CorrelationID, m.Properties.UserID = amqp.UUID{1}, []byte("me")
	m.Properties.ContentType, m.Properties.Subject, m.Properties.AbsoluteExpiryTime = &contentType, &subject, &expiry
	m.ApplicationProperties["command"] = "ping"
	m.Annotations = amqp.Annotations{"iothub-deliverycount": uint8(9), "x-other": "x"}
	m.Header = &amqp.MessageHeader{DeliveryCount: 3, Durable: true}
	svc.accepted(out, m)
	svc.accepted(out, command("dev1", "c-2", ""))

	d := r.asDevice("dev1")
	in := d.receiver(deviceboundAddress("dev1"), secondMode(10))
	got := d.receive(in)
	p := got.Properties
	if string(got.GetData()) != "body of c-1" || p.MessageID != "c-1" || p.CorrelationID != (amqp.UUID{1}) || string(p.UserID) != "me" ||
		p.ContentType == nil || *p.ContentType != contentType || p.Subject == nil || *p.Subject != subject ||
		p.AbsoluteExpiryTime == nil || !p.AbsoluteExpiryTime.Equal(expiry) || p.To == nil || *p.To != "/devices/dev1/messages/deviceBound" {
		t.Errorf("message %+v", p)
	}
	if got.ApplicationProperties["command"] != "ping" || got.ApplicationProperties["iothub-ack"] != "full" || len(got.ApplicationProperties) != 2 {
		t.Errorf("application properties %v", got.ApplicationProperties)
	}
	a := got.Annotations
	if _, ok := a["iothub-enqueuedtime"].(time.Time); !ok || a["x-opt-sequence-number"] != uint64(1) || a["iothub-deliverycount"] != uint8(0) || len(a) != 4 {
		t.Errorf("annotations %v", a)
	}
	tag := got.DeliveryTag
	if len(tag) != 16 {
		t.Fatalf("delivery tag of %d bytes", len(tag))
	}
	lock := fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x", tag[3], tag[2], tag[1], tag[0], tag[5], tag[4], tag[7], tag[6], tag[8:10], tag[10:])
	if a["x-opt-lock-token"] != lock {
		t.Errorf("lock token %v, delivery tag %x", a["x-opt-lock-token"], tag)
	}
	if got.Header != nil && (got.Header.DeliveryCount != 0 || got.Header.Durable) {
		t.Errorf("header %+v", got.Header)
	}
	second := d.receive(in)
	if second.Properties.MessageID != "c-2" || second.Annotations["x-opt-sequence-number"] != uint64(2) || bytes.Equal(second.DeliveryTag, tag) {
		t.Errorf("second message %+v %v", second.Properties, second.Annotations)
	}
	d.must(in.AcceptMessage(r.ctx, got))
	d.must(in.AcceptMessage(r.ctx, second))
	if q := r.hub.Devices()[0].Queued; q != 0 {
		t.Errorf("%d messages left", q)
	}
}

func TestDeviceboundRefusals(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc := r.asService()
	out := svc.sender("/messages/devicebound")
	e := svc.rejected(out, command("nobody", "c", ""))
	if f := describe(t, e); e.Condition != amqp.ErrCondNotFound || f.ErrorCode != 404001 {
		t.Errorf("unknown device: %v", e)
	}
	m := command("dev1", "c", "")
	*m.Properties.To = "/devices/dev1/messages/events"
	if e := svc.rejected(out, m); e.Condition != amqp.ErrCondInvalidField {
		t.Errorf("wrong to: %v", e)
	}
	if e := svc.rejected(out, amqp.NewMessage([]byte("x"))); e.Condition != amqp.ErrCondInvalidField {
		t.Errorf("no to: %v", e)
	}
	m = command("dev1", "c", "")
	m.Data = [][]byte{bytes.Repeat([]byte("x"), 64<<10)}
	if e := svc.rejected(out, m); e.Condition != amqp.ErrCondMessageSizeExceeded {
		t.Errorf("too large: %v", e)
	}
	m = command("dev1", "c", "")
	late := time.Now().Add(49 * time.Hour)
	m.Properties.AbsoluteExpiryTime = &late
	e = svc.rejected(out, m)
	if f := describe(t, e); e.Condition != "com.microsoft:argument-error" || f.ErrorCode != 403009 {
		t.Errorf("expiry in %v: %v", time.Until(late), e)
	}
	if e := svc.rejected(out, command("dev1", strings.Repeat("i", 129), "")); e.Condition != amqp.ErrCondInvalidField {
		t.Errorf("long message-id: %v", e)
	}
	svc.accepted(out, command("dev1", strings.Repeat("i", 128), ""))
	for i := range 49 {
		svc.accepted(out, command("dev1", fmt.Sprint(i), ""))
	}
	e = svc.rejected(out, command("dev1", "51", ""))
	if f := describe(t, e); e.Condition != amqp.ErrCondResourceLimitExceeded || f.ErrorCode != 403004 {
		t.Errorf("full queue: %v", e)
	}
	if n, err := r.hub.PurgeQueue("dev1"); n != 50 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	svc.accepted(out, command("dev1", "52", ""))
}

func TestDeviceboundReleaseRaisesTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{MaxDelivery: 4})
		r.device("dev1")
		svc, d := r.asService(), r.asDevice("dev1")
		svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", "full"))
		in := d.receiver(deviceboundAddress("dev1"), secondMode(10))
		for i := range 4 {
			start := time.Now()
			m := d.receive(in)
			if m.Annotations["iothub-deliverycount"] != uint8(i) {
				t.Errorf("delivery %d has count %v", i, m.Annotations["iothub-deliverycount"])
			}
			if waited := time.Since(start); i > 0 && waited != 300*time.Millisecond {
				t.Errorf("delivery %d after %v", i, waited)
			}
			d.must(in.ReleaseMessage(r.ctx, m))
		}
		if q := r.hub.Devices()[0].Queued; q != 0 {
			t.Errorf("%d messages left after the last release", q)
		}
		r.wantFeedback(svc, "c", "DeliveryCountExceeded")
	})
}

func TestDeviceboundModifiedIsNoOutcome(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc, d := r.asService(), r.asDevice("dev1")
	svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", ""))
	in := d.receiver(deviceboundAddress("dev1"), secondMode(1))
	err := in.ModifyMessage(r.ctx, d.receive(in), nil)
	r.wantCondition(err, "amqp:not-allowed")
	if f := describe(t, err); f.ErrorCode != 400000 || f.TrackingID == "" {
		t.Errorf("description %+v", f)
	}
	if q := r.hub.Devices()[0].Queued; q != 1 {
		t.Errorf("%d messages left, want the one still locked", q)
	}
}

func TestDeviceboundFirstModeSettles(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc, d := r.asService(), r.asDevice("dev1")
	out := svc.sender("/messages/devicebound")
	in := d.receiver(deviceboundAddress("dev1"), nil)
	for _, id := range []string{"c-1", "c-2", "c-3"} {
		svc.accepted(out, command("dev1", id, ""))
		m := d.receive(in)
		if m.Properties.MessageID != id {
			t.Errorf("received %v, want %s", m.Properties.MessageID, id)
		}
		r.must(in.AcceptMessage(r.ctx, m))
	}
}

func TestDeviceboundSettledLinkCompletesAtOnce(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc, d := r.asService(), r.asDevice("dev1")
	svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", ""))
	in := d.receiver(deviceboundAddress("dev1"), &amqp.ReceiverOptions{RequestedSenderSettleMode: amqp.SenderSettleModeSettled.Ptr()})
	if m := d.receive(in); m.Properties.MessageID != "c" {
		t.Errorf("received %v", m.Properties.MessageID)
	}
	if q := r.hub.Devices()[0].Queued; q != 0 {
		t.Errorf("%d messages left", q)
	}
}

func (r *rig) sendUntilError(s *amqp.Sender) error {
	for {
		if err := s.Send(r.ctx, amqp.NewMessage(nil), nil); err != nil {
			return err
		}
	}
}

func TestDeviceboundMessageTooLargeForItsReceiverHoldsUpNoOther(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc, d := r.asService(), r.asDevice("dev1")
	out := svc.sender("/messages/devicebound")
	large := command("dev1", "large", "")
	large.Data = [][]byte{make([]byte, 2000)}
	svc.accepted(out, large)
	svc.accepted(out, command("dev1", "small", ""))
	in := d.receiver(deviceboundAddress("dev1"), &amqp.ReceiverOptions{MaxMessageSize: 1000, Credit: 5})
	if m := d.receive(in); m.Properties.MessageID != "small" {
		t.Errorf("received %v", m.Properties.MessageID)
	}
}

func TestManyDevicesAtOnce(t *testing.T) {
	const devices, messages = 24, 20
	r := newRig(t, hub.Options{FeedbackEvery: time.Millisecond})
	svc := r.asService()
	out, feedback := svc.sender("/messages/devicebound"), svc.receiver(feedbackAddress, nil)
	clients := make([]*peer, devices)
	for i := range clients {
		id := fmt.Sprintf("dev%d", i)
		r.device(id)
		clients[i] = r.asDevice(id)
		svc.accepted(out, command(id, id, "full"))
	}
	work := make(chan error, devices)
	for i, d := range clients {
		id := fmt.Sprintf("dev%d", i)
		go func() {
			work <- func() error {
				s, err := d.session.NewSender(r.ctx, telemetryAddress(id), nil)
				if err != nil {
					return err
				}
				for range messages {
					if err := s.Send(r.ctx, amqp.NewMessage([]byte(id)), nil); err != nil {
						return err
					}
				}
				in, err := d.session.NewReceiver(r.ctx, deviceboundAddress(id), secondMode(1))
				if err != nil {
					return err
				}
				m, err := in.Receive(r.ctx, nil)
				if err != nil {
					return err
				}
				if m.Properties.MessageID != id {
					return fmt.Errorf("%s received %v", id, m.Properties.MessageID)
				}
				return in.AcceptMessage(r.ctx, m)
			}()
		}()
	}
	ended := make(map[string]bool)
	for len(ended) < devices {
		m := svc.receive(feedback)
		for _, rec := range r.records(m) {
			if rec.StatusCode != "Success" || rec.OriginalMessageID != rec.DeviceID || ended[rec.DeviceID] {
				t.Errorf("record %+v", rec)
			}
			ended[rec.DeviceID] = true
		}
		r.must(feedback.AcceptMessage(r.ctx, m))
	}
	for range devices {
		r.must(<-work)
	}
	perDevice := make(map[string]int)
	next := make(map[int]int64)
	for _, e := range r.hub.Events() {
		perDevice[e.DeviceID]++
		if e.SequenceNumber != next[e.Partition] {
			t.Errorf("partition %d: sequence number %d, want %d", e.Partition, e.SequenceNumber, next[e.Partition])
		}
		next[e.Partition]++
	}
	for i := range devices {
		if n := perDevice[fmt.Sprintf("dev%d", i)]; n != messages {
			t.Errorf("dev%d has %d events", i, n)
		}
	}
}
