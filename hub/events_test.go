package hub_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestEventsAreRedirected(t *testing.T) {
	r := newRig(t, hub.Options{})
	svc := r.asService()
	for address, path := range map[string]string{
		"messages/events":             "",
		"/messages/events/":           "",
		"messages/events/$management": "$management",
		"/messages/events/ConsumerGroups/$Default/Partitions/2": "ConsumerGroups/$Default/Partitions/2",
	} {
		_, err := svc.session.NewReceiver(r.ctx, address, nil)
		var e *amqp.Error
		if !errors.As(err, &e) || e.Condition != amqp.ErrCondLinkRedirect {
			t.Errorf("%s: %v", address, err)
			continue
		}
		host := r.hub.HostName()
		if e.Info["hostname"] != "localhost" || e.Info["network-host"] != "localhost" || fmt.Sprintf("localhost:%v", e.Info["port"]) != host ||
			e.Info["address"] != "amqps://"+host+"/fieldpost/"+path || e.Info["com.microsoft:tracking-id"] == nil {
			t.Errorf("%s: info %v", address, e.Info)
		}
	}
}

// fill sends n events of dev1 and returns where they are.
func (r *rig) fill(n int) (partition string, events []hub.Event) {
	r.Helper()
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	for i := range n {
		d.accepted(s, amqp.NewMessage([]byte(fmt.Sprint(i))))
	}
	events = r.hub.Events()
	return fmt.Sprint(events[0].Partition), events
}

func offsetOf(e hub.Event) string { return fmt.Sprint(e.Offset) }

func TestPartitionReaders(t *testing.T) {
	r := newRig(t, hub.Options{})
	partition, events := r.fill(5)
	path := "fieldpost/ConsumerGroups/$Default/Partitions/" + partition
	c, err := r.open(amqp.SASLTypePlain("service", r.serviceKey()))
	r.must(err)
	p := r.peer(c)
	third := events[2].Offset
	cases := []struct {
		address, selector string
		first             string
	}{
		{path, "", "0"},
		{"/" + path, "amqp.annotation.x-opt-offset > '-1'", "0"},
		{"amqps://" + r.hub.HostName() + "/" + path, "amqp.annotation.x-opt-offset >= '0'", "0"},
		{path, fmt.Sprintf("amqp.annotation.x-opt-offset > '%d'", third), "3"},
		{path, fmt.Sprintf("amqp.annotation.x-opt-offset >= %d", third), "2"},
		{path, "amqp.annotation.x-opt-sequence-number > '0'", "1"},
		{path, "amqp.annotation.x-opt-sequence-number >= '4'", "4"},
		{path, "amqp.annotation.x-opt-enqueued-time > '0'", "0"},
		{path, fmt.Sprintf("amqp.annotation.x-opt-enqueuedtimeutc >= '%d'", events[0].Enqueued.UnixMilli()), "0"},
	}
	for _, tc := range cases {
		opts := &amqp.ReceiverOptions{Credit: 10}
		if tc.selector != "" {
			opts.Filters = []amqp.LinkFilter{amqp.NewSelectorFilter(tc.selector)}
		}
		in := p.receiver(tc.address, opts)
		m := p.receive(in)
		if string(m.GetData()) != tc.first {
			t.Errorf("%s with %q begins at %s, want %s", tc.address, tc.selector, m.GetData(), tc.first)
		}
		if _, ok := m.Annotations["x-opt-sequence-number"].(int64); !ok {
			t.Errorf("sequence number is %T", m.Annotations["x-opt-sequence-number"])
		}
		if _, ok := m.Annotations["x-opt-offset"].(string); !ok || m.Annotations["iothub-connection-device-id"] != "dev1" {
			t.Errorf("annotations %v", m.Annotations)
		}
		r.must(in.Close(r.ctx))
	}
}

func TestPartitionReaderFollowsTheLog(t *testing.T) {
	r := newRig(t, hub.Options{})
	partition, _ := r.fill(3)
	svc := r.asService()
	path := "fieldpost/ConsumerGroups/$Default/Partitions/" + partition
	all := svc.receiver(path, &amqp.ReceiverOptions{Credit: 2})
	latest := svc.receiver(path, &amqp.ReceiverOptions{Credit: 2, Filters: []amqp.LinkFilter{
		amqp.NewSelectorFilter("amqp.annotation.x-opt-offset > '@latest'"),
	}})
	for i := range 3 {
		m := svc.receive(all)
		r.must(all.AcceptMessage(r.ctx, m))
		if string(m.GetData()) != fmt.Sprint(i) {
			t.Errorf("event %d is %s", i, m.GetData())
		}
	}
	d := r.asDevice("dev1")
	d.accepted(d.sender(telemetryAddress("dev1")), amqp.NewMessage([]byte("new")))
	for _, in := range []*amqp.Receiver{all, latest} {
		if m := svc.receive(in); string(m.GetData()) != "new" {
			t.Errorf("next event is %s", m.GetData())
		}
	}
}

func TestPartitionReaderThatSettlesNothingIsHeldUp(t *testing.T) {
	const size, limit = 200 << 10, 16 << 20
	r := newRig(t, hub.Options{Partitions: 1})
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	for range 2 * limit / size {
		d.accepted(s, amqp.NewMessage(make([]byte, size)))
	}
	svc := r.asService()
	in := svc.receiver("fieldpost/ConsumerGroups/$Default/Partitions/0", &amqp.ReceiverOptions{Credit: 500})
	var held []*amqp.Message
	for range limit / size {
		held = append(held, svc.receive(in))
	}
	// The entity answers on the same connection, behind whatever it has sent.
	out, replies := svc.sender("$management"), svc.receiver("$management", nil)
	r.must(out.Send(r.ctx, &amqp.Message{Value: "x"}, nil))
	svc.receive(replies)
	for m := in.Prefetched(); m != nil; m = in.Prefetched() {
		held = append(held, m)
	}
	if n := len(held); n > limit/size+1 {
		t.Errorf("%d unsettled events of %d bytes delivered", n, size)
	}
	for _, m := range held {
		r.must(in.AcceptMessage(r.ctx, m))
	}
	for n := len(held); n < 2*limit/size; n++ {
		r.must(in.AcceptMessage(r.ctx, svc.receive(in)))
	}
}

func TestPartitionReaderRefusals(t *testing.T) {
	r := newRig(t, hub.Options{})
	svc := r.asService()
	for address, want := range map[string]string{
		"fieldpost/ConsumerGroups/$Default/Partitions/4": "com.microsoft:argument-out-of-range",
		"fieldpost/ConsumerGroups/$Default/Partitions/x": "com.microsoft:argument-out-of-range",
		"fieldpost/ConsumerGroups/other/Partitions/0":    "amqp:not-found",
		"entity/ConsumerGroups/$Default/Partitions/0":    "amqp:not-found",
	} {
		_, err := svc.session.NewReceiver(r.ctx, address, nil)
		r.wantCondition(err, want)
	}
	_, err := svc.session.NewReceiver(r.ctx, "fieldpost/ConsumerGroups/$Default/Partitions/0", &amqp.ReceiverOptions{
		Filters: []amqp.LinkFilter{amqp.NewSelectorFilter("1 = 1")},
	})
	r.wantCondition(err, "amqp:invalid-field")
}

func TestManagementReads(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 3})
	partition, events := r.fill(2)
	svc := r.asService()
	replyTo := "reply-here"
	out, in := svc.sender("$management"), svc.receiver("$management", &amqp.ReceiverOptions{TargetAddress: replyTo})
	var refused map[string]any
	ask := func(properties map[string]any) (map[string]any, int32) {
		t.Helper()
		r.must(out.Send(r.ctx, &amqp.Message{
			Properties:            &amqp.MessageProperties{MessageID: "q", ReplyTo: &replyTo},
			ApplicationProperties: properties,
			Value:                 []byte("[]"),
		}, nil))
		m := svc.receive(in)
		r.must(in.AcceptMessage(r.ctx, m))
		if m.Properties.CorrelationID != "q" {
			t.Errorf("correlation-id %v", m.Properties.CorrelationID)
		}
		refused = m.ApplicationProperties
		body, _ := m.Value.(map[string]any)
		status, _ := m.ApplicationProperties["status-code"].(int32)
		return body, status
	}
	body, status := ask(map[string]any{"operation": "READ", "name": "fieldpost", "type": "com.microsoft:eventhub"})
	ids, _ := body["partition_ids"].([]string)
	if _, ok := body["created_at"].(time.Time); status != 200 || !ok || fmt.Sprint(ids) != "[0 1 2]" || body["partition_count"] != int32(3) || body["name"] != "fieldpost" || body["type"] != "com.microsoft:eventhub" {
		t.Errorf("entity: %d %v", status, body)
	}
	body, status = ask(map[string]any{"operation": "READ", "name": "fieldpost", "type": "com.microsoft:partition", "partition": partition})
	if at, ok := body["last_enqueued_time_utc"].(time.Time); status != 200 || !ok || at.UnixMilli() != events[1].Enqueued.UnixMilli() ||
		body["begin_sequence_number"] != int64(0) || body["last_enqueued_sequence_number"] != int64(1) ||
		body["last_enqueued_offset"] != fmt.Sprint(events[1].Offset) || body["is_partition_empty"] != false || body["partition"] != partition {
		t.Errorf("partition: %d %v", status, body)
	}
	for i := range 3 {
		if fmt.Sprint(i) == partition {
			continue
		}
		body, status = ask(map[string]any{"operation": "READ", "name": "fieldpost", "type": "com.microsoft:partition", "partition": fmt.Sprint(i)})
		if status != 200 || body["is_partition_empty"] != true || body["last_enqueued_sequence_number"] != int64(-1) || body["last_enqueued_offset"] != "-1" {
			t.Errorf("empty partition: %d %v", status, body)
		}
	}
	for _, c := range []struct {
		properties      map[string]any
		status          int32
		condition, text string
	}{
		{nil, 400, "amqp:not-implemented", "operation"},
		{map[string]any{"operation": "WRITE", "name": "fieldpost", "type": "com.microsoft:eventhub"}, 400, "amqp:not-implemented", "operation"},
		{map[string]any{"operation": "READ", "name": "other", "type": "com.microsoft:eventhub"}, 404, "amqp:not-found", "could not be found"},
		{map[string]any{"operation": "READ", "name": "fieldpost", "type": "other"}, 400, "amqp:not-implemented", "type"},
		{map[string]any{"operation": "READ", "name": "fieldpost", "type": "com.microsoft:partition", "partition": "3"}, 400,
			"com.microsoft:argument-out-of-range", "The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 and 2."},
		{map[string]any{"operation": "READ", "name": "fieldpost", "type": "com.microsoft:partition"}, 400,
			"com.microsoft:argument-out-of-range", "The specified partition is invalid"},
	} {
		_, status := ask(c.properties)
		text, _ := refused["status-description"].(string)
		if status != c.status || fmt.Sprint(refused["error-condition"]) != c.condition || !strings.Contains(text, c.text) {
			t.Errorf("%v: %v", c.properties, refused)
		}
	}
}

func TestPartitionReaderThatFellBehindGoesOnWithTheOldest(t *testing.T) {
	r := newRig(t, hub.Options{Partitions: 1, LogBytes: 64 << 10})
	r.device("dev1")
	svc := r.asService()
	in := svc.receiver("fieldpost/ConsumerGroups/$Default/Partitions/0", &amqp.ReceiverOptions{Credit: -1})
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	for range 20 {
		d.accepted(s, amqp.NewMessage(make([]byte, 10<<10)))
	}
	held := r.hub.Events()
	if held[0].SequenceNumber == 0 {
		t.Fatal("nothing was dropped")
	}
	r.must(in.IssueCredit(20))
	for _, e := range held {
		if m := svc.receive(in); m.Annotations["x-opt-sequence-number"] != e.SequenceNumber {
			t.Errorf("event has sequence number %v, want %d", m.Annotations["x-opt-sequence-number"], e.SequenceNumber)
		}
	}
}
