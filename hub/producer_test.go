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

const batchFormat = 0x80013700

// keyed makes an event with a partition key, "" for none.
func keyed(key, body string) *amqp.Message {
	m := amqp.NewMessage([]byte(body))
	if key != "" {
		m.Annotations = amqp.Annotations{"x-opt-partition-key": key}
	}
	return m
}

// eventBatch packs events as @azure/event-hubs does: the key of the first is on
// the batch too.
func (r *rig) eventBatch(key string, bodies ...string) *amqp.Message {
	r.Helper()
	batch := &amqp.Message{Format: batchFormat}
	if key != "" {
		batch.Annotations = amqp.Annotations{"x-opt-partition-key": key}
	}
	for _, body := range bodies {
		b, err := keyed(key, body).MarshalBinary()
		r.must(err)
		batch.Data = append(batch.Data, b)
	}
	return batch
}

func TestProducerToAPartition(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := r.asService()
	for i := range 4 {
		p.accepted(p.sender(fmt.Sprint("fieldpost/Partitions/", i)), keyed("", fmt.Sprint(i)))
	}
	for i, e := range r.hub.Events() {
		if e.Partition != i || string(e.Body) != fmt.Sprint(i) || e.SequenceNumber != 0 || e.DeviceID != "" {
			t.Errorf("event %+v", e)
		}
		if at, ok := e.Annotations["x-opt-enqueued-time"].(time.Time); !ok || e.Annotations["x-opt-offset"] != "0" || time.Since(at) > time.Hour ||
			e.Annotations["iothub-enqueuedtime"] != nil || e.Annotations["x-opt-partition-key"] != nil {
			t.Errorf("annotations %v", e.Annotations)
		}
	}
	for _, id := range []string{"4", "-1", "x", "1000"} {
		_, err := p.session.NewSender(r.ctx, "fieldpost/Partitions/"+id, nil)
		r.wantCondition(err, "com.microsoft:argument-out-of-range")
		if err == nil || !strings.Contains(err.Error(), "The specified partition is invalid for an EventHub partition sender or receiver.") {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestProducerByPartitionKey(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("gateway-1")
	d := r.asDevice("gateway-1")
	d.accepted(d.sender(telemetryAddress("gateway-1")), amqp.NewMessage([]byte("of the device")))
	p := r.asService()
	s := p.sender("fieldpost")
	for i := range 40 {
		p.accepted(s, keyed(fmt.Sprint("key-", i%8), fmt.Sprint(i)))
	}
	p.accepted(s, keyed("gateway-1", "same key"))
	where, used := map[any]int{}, map[int]bool{}
	for _, e := range r.hub.Events() {
		key := e.Annotations["x-opt-partition-key"]
		if old, seen := where[key]; seen && old != e.Partition {
			t.Errorf("key %v is on partitions %d and %d", key, old, e.Partition)
		}
		where[key], used[e.Partition] = e.Partition, true
	}
	if len(where) != 9 || len(used) < 2 {
		t.Errorf("%d keys on %d partitions", len(where), len(used))
	}
}

func TestProducerWithoutKeyTakesTurns(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := r.asService()
	s := p.sender("fieldpost")
	for range 8 {
		p.accepted(s, keyed("", "x"))
	}
	used := map[int]int{}
	for _, e := range r.hub.Events() {
		used[e.Partition]++
	}
	if fmt.Sprint(used) != "map[0:2 1:2 2:2 3:2]" {
		t.Errorf("events by partition: %v", used)
	}
}

func TestProducerBatch(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := r.asService()
	s := p.sender("fieldpost")
	for i := range 4 {
		p.accepted(s, r.eventBatch("", fmt.Sprint(i, "a"), fmt.Sprint(i, "b")))
	}
	p.accepted(s, r.eventBatch("key", "k1", "k2", "k3"))
	byPartition, keys := map[int]string{}, 0
	for _, e := range r.hub.Events() {
		byPartition[e.Partition] += string(e.Body) + " "
		if e.Annotations["x-opt-partition-key"] == "key" {
			keys++
		}
	}
	all := fmt.Sprint(byPartition)
	for _, together := range []string{"0a 0b ", "1a 1b ", "2a 2b ", "3a 3b ", "k1 k2 k3 "} {
		if !strings.Contains(all, together) {
			t.Errorf("%q is not together in %s", together, all)
		}
	}
	if keys != 3 {
		t.Errorf("%d events have the key of their batch", keys)
	}
	if e := p.rejected(s, &amqp.Message{Format: batchFormat, Data: [][]byte{[]byte("no message")}}); e.Condition != amqp.ErrCondDecodeError {
		t.Errorf("a batch of nonsense: %v", e)
	}
	if n := r.hub.EventCount(); n != 11 {
		t.Errorf("%d events", n)
	}
}

func TestProducerCannotPoseAsADevice(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := r.asService()
	m := keyed("key", "x")
	for name, value := range map[string]any{"iothub-connection-device-id": "gateway-1", "iothub-message-source": "Telemetry", "x-opt-sequence-number": int64(99)} {
		m.Annotations[name] = value
	}
	m.Annotations["Diagnostic-Id"] = "trace"
	p.accepted(p.sender("fieldpost"), m)
	e := r.hub.Events()[0]
	if e.DeviceID != "" || e.Annotations["iothub-connection-device-id"] != nil || e.Annotations["iothub-message-source"] != nil ||
		e.Annotations["x-opt-sequence-number"] != int64(0) || e.Annotations["Diagnostic-Id"] != "trace" {
		t.Errorf("annotations %v", e.Annotations)
	}
}

func TestProducerMessageSize(t *testing.T) {
	r := newRig(t, hub.Options{})
	p := r.asService()
	s := p.sender("fieldpost/Partitions/0")
	if s.MaxMessageSize() != 1<<20 {
		t.Errorf("max-message-size is %d", s.MaxMessageSize())
	}
	p.accepted(s, amqp.NewMessage(make([]byte, 1<<20-100)))
	var e *amqp.Error
	if err := s.Send(r.ctx, amqp.NewMessage(make([]byte, 1<<20)), nil); !errors.As(err, &e) || e.Condition != amqp.ErrCondMessageSizeExceeded {
		t.Errorf("a message of more than 1 MiB: %v", err)
	}
	in := p.receiver(groupAddress("$Default", 0), nil)
	if m := p.receive(in); len(m.GetData()) != 1<<20-100 {
		t.Errorf("%d bytes come back", len(m.GetData()))
	}
}

func TestDevicesCannotProduce(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("gateway-1")
	d := r.asDevice("gateway-1")
	for _, address := range []string{"fieldpost", "fieldpost/Partitions/0"} {
		_, err := d.session.NewSender(r.ctx, address, nil)
		r.wantCondition(err, "amqp:unauthorized-access")
	}
}
