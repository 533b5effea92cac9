package hub_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

const feedbackAddress = "/messages/serviceBound/feedback"

// record is one feedback record as the cloud's documentation has it.
type record struct {
	OriginalMessageID  string `json:"originalMessageId"`
	Description        string `json:"description"`
	DeviceGenerationID string `json:"deviceGenerationId"`
	DeviceID           string `json:"deviceId"`
	EnqueuedTimeUTC    string `json:"enqueuedTimeUtc"`
	StatusCode         string `json:"statusCode"`
}

func (r *rig) records(m *amqp.Message) []record {
	r.Helper()
	var records []record
	r.must(json.Unmarshal(m.GetData(), &records))
	return records
}

// wantFeedback reads one feedback message and wants one record in it.
func (r *rig) wantFeedback(svc *peer, id, status string) {
	r.Helper()
	in := svc.receiver(feedbackAddress, nil)
	m := svc.receive(in)
	r.must(in.AcceptMessage(r.ctx, m))
	records := r.records(m)
	if len(records) != 1 || records[0].OriginalMessageID != id || records[0].StatusCode != status {
		r.Errorf("feedback %+v, want %s for %s", records, status, id)
	}
	r.must(in.Close(r.ctx))
}

func TestFeedbackMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		svc, d := r.asService(), r.asDevice("dev1")
		svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", "positive"))
		in := d.receiver(deviceboundAddress("dev1"), secondMode(1))
		r.must(in.AcceptMessage(r.ctx, d.receive(in)))
		completed := time.Now()
		feedback := svc.receiver(feedbackAddress, secondMode(10))
		m := svc.receive(feedback)
		if waited := time.Since(completed); waited != 15*time.Second {
			t.Errorf("feedback after %v", waited)
		}
		if m.Properties.ContentType == nil || *m.Properties.ContentType != "application/vnd.microsoft.iothub.feedback.json" || string(m.Properties.UserID) != "localhost" {
			t.Errorf("properties %+v", m.Properties)
		}
		if _, ok := m.Annotations["iothub-enqueuedtime"].(time.Time); !ok {
			t.Errorf("annotations %v", m.Annotations)
		}
		records := r.records(m)
		want := record{
			OriginalMessageID: "c", Description: "Success", StatusCode: "Success", DeviceID: "dev1",
			DeviceGenerationID: r.hub.Devices()[0].GenerationID,
			EnqueuedTimeUTC:    completed.UTC().Format("2006-01-02T15:04:05.0000000Z"),
		}
		if len(records) != 1 || records[0] != want {
			t.Errorf("records %+v, want %+v", records, want)
		}
		r.must(feedback.AcceptMessage(r.ctx, m))
	})
}

func TestFeedbackIsMadeAsAsked(t *testing.T) {
	r := newRig(t, hub.Options{FeedbackEvery: time.Millisecond})
	r.device("dev1")
	svc, d := r.asService(), r.asDevice("dev1")
	out, in := svc.sender("/messages/devicebound"), d.receiver(deviceboundAddress("dev1"), secondMode(1))
	feedback := svc.receiver(feedbackAddress, nil)
	var want []string
	for _, ack := range []string{"", "none", "positive", "negative", "full", "other"} {
		for _, end := range []string{"Success", "Rejected"} {
			svc.accepted(out, command("dev1", ack+"-"+end, ack))
			m := d.receive(in)
			if end == "Success" {
				r.must(in.AcceptMessage(r.ctx, m))
			} else {
				r.must(in.RejectMessage(r.ctx, m, &amqp.Error{Condition: "app:no"}))
			}
			if ack == "full" || ack == "positive" && end == "Success" || ack == "negative" && end == "Rejected" {
				want = append(want, ack+"-"+end)
			}
		}
	}
	var got []string
	for len(got) < len(want) {
		m := svc.receive(feedback)
		r.must(feedback.AcceptMessage(r.ctx, m))
		for _, rec := range r.records(m) {
			got = append(got, rec.OriginalMessageID)
			if rec.OriginalMessageID[len(rec.OriginalMessageID)-len(rec.StatusCode):] != rec.StatusCode {
				t.Errorf("%s has status %s", rec.OriginalMessageID, rec.StatusCode)
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("feedback for %v, want %v", got, want)
	}
}

func TestFeedbackOfAPurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		svc := r.asService()
		svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", "negative"))
		if n, err := r.hub.PurgeQueue("dev1"); n != 1 || err != nil {
			t.Fatalf("purged %d, %v", n, err)
		}
		r.wantFeedback(svc, "c", "Purged")
	})
}

func TestFeedbackFlushesAt64AndWaitsForSettlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		svc := r.asService()
		out := svc.sender("/messages/devicebound")
		fill := func(n int) {
			for i := range n {
				svc.accepted(out, command("dev1", fmt.Sprint(i), "full"))
				if _, err := r.hub.PurgeQueue("dev1"); err != nil {
					t.Fatal(err)
				}
			}
		}
		start := time.Now()
		fill(70)
		feedback := svc.receiver(feedbackAddress, secondMode(10))
		first := svc.receive(feedback)
		if n := len(r.records(first)); n != 64 || time.Since(start) != 0 {
			t.Errorf("%d records after %v", n, time.Since(start))
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if m := feedback.Prefetched(); m != nil {
			t.Fatal("a second message before the first was settled")
		}
		r.must(feedback.AcceptMessage(r.ctx, first))
		second := svc.receive(feedback)
		if n := len(r.records(second)); n != 6 || time.Since(start) != 59*time.Second {
			t.Errorf("%d records after %v", n, time.Since(start))
		}
		r.must(feedback.ReleaseMessage(r.ctx, second))
		released := time.Now()
		again := svc.receive(feedback)
		if string(again.GetData()) != string(second.GetData()) || time.Since(released) != 300*time.Millisecond {
			t.Errorf("released message came back after %v as %s", time.Since(released), again.GetData())
		}
		locked := time.Now()
		last := svc.receive(feedback)
		if string(last.GetData()) != string(second.GetData()) || time.Since(locked) != time.Minute {
			t.Errorf("unsettled message came back after %v as %s", time.Since(locked), last.GetData())
		}
		r.wantCondition(feedback.AcceptMessage(r.ctx, again), "amqp:not-found")
		r.must(feedback.AcceptMessage(r.ctx, last))
	})
}

// A receiver of settled messages gets each record once, and one message after the
// other without anything to settle.
func TestFeedbackToASettledReceiverIsGivenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		svc := r.asService()
		out := svc.sender("/messages/devicebound")
		const records = 150
		for i := range records {
			svc.accepted(out, command("dev1", fmt.Sprint(i), "full"))
			if _, err := r.hub.PurgeQueue("dev1"); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		in := svc.receiver(feedbackAddress, &amqp.ReceiverOptions{Credit: 10, RequestedSenderSettleMode: amqp.SenderSettleModeSettled.Ptr()})
		var got []string
		for len(got) < records {
			for _, rec := range r.records(svc.receive(in)) {
				got = append(got, rec.OriginalMessageID)
			}
		}
		for i, id := range got {
			if id != fmt.Sprint(i) {
				t.Fatalf("record %d is of %s", i, id)
			}
		}
		if waited := time.Since(start); waited != 15*time.Second { // the last 22 do not fill a message
			t.Errorf("all feedback after %v", waited)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if m := in.Prefetched(); m != nil {
			t.Errorf("another message: %v", r.records(m))
		}
	})
}

func TestFeedbackOfARemovedDeviceIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, hub.Options{})
		r.device("dev1")
		r.device("dev2")
		svc := r.asService()
		out := svc.sender("/messages/devicebound")
		for _, id := range []string{"dev1", "dev2"} {
			svc.accepted(out, command(id, "to-"+id, "full"))
			if _, err := r.hub.PurgeQueue(id); err != nil {
				t.Fatal(err)
			}
		}
		r.must(r.hub.RemoveDevice("dev1"))
		r.wantFeedback(svc, "to-dev2", "Purged")
	})
}
