package service_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/service"
)

func TestEventsOfAllPartitions(t *testing.T) {
	ids := deviceIDs(12) // enough for every one of three partitions to have a device
	b := newBench(t, hub.Options{Partitions: 3}, ids...)
	c := b.client(service.Options{})
	const each = 40
	send := make(map[string]func(string))
	for _, id := range ids {
		send[id] = b.telemetry(id)
	}
	for i := range each / 2 { // one half before the reader is there, one after
		for _, id := range ids {
			send[id](fmt.Sprint(i))
		}
	}
	events := b.events(c, service.From{})
	if n := events.Partitions(); n != 3 {
		t.Fatalf("%d partitions", n)
	}
	for i := each / 2; i < each; i++ {
		for _, id := range ids {
			send[id](fmt.Sprint(i))
		}
	}
	seen := make(map[string]int)
	numbers := make(map[string]int64)
	for range each * len(ids) {
		e := b.next(events)
		if want := fmt.Sprint(seen[e.DeviceID]); string(e.Body) != want {
			t.Fatalf("device %s: got event %s, want %s", e.DeviceID, e.Body, want)
		}
		seen[e.DeviceID]++
		if e.SequenceNumber != numbers[e.Partition] || e.Offset == "" || e.Enqueued.IsZero() {
			t.Fatalf("partition %s: got event %+v, want number %d", e.Partition, e, numbers[e.Partition])
		}
		numbers[e.Partition]++
	}
	if len(numbers) != 3 {
		t.Errorf("events came from partitions %v only", numbers)
	}
}

func TestEventsFrom(t *testing.T) {
	b := newBench(t, hub.Options{Partitions: 1}, "d1")
	c := b.client(service.Options{})
	send := b.telemetry("d1")
	for i := range 5 {
		send(fmt.Sprint(i))
	}
	all := b.events(c, service.From{})
	var third service.Event
	for i := range 5 {
		if e := b.next(all); i == 2 {
			third = e
		}
	}
	for name, from := range map[string]service.From{
		"sequence": service.FromSequence(third.SequenceNumber),
		"offset":   service.FromOffset(third.Offset),
	} {
		if e := b.next(b.events(c, from)); string(e.Body) != "3" {
			t.Errorf("from %s: the first event is %s", name, e.Body)
		}
	}
	if e := b.next(b.events(c, service.FromTime(third.Enqueued.Add(-time.Hour)))); string(e.Body) != "0" {
		t.Errorf("from an hour ago: the first event is %s", e.Body)
	}
	latest := b.events(c, service.FromLatest())
	send("new")
	if e := b.next(latest); string(e.Body) != "new" {
		t.Errorf("from latest: the first event is %s", e.Body)
	}
}

// Tokens are good for two or three seconds here: those who wait must renew
// them, or their links end.
func TestTokensAreRenewed(t *testing.T) {
	b := newBench(t, hub.Options{ClockSkew: time.Second}, "d1", "d2")
	c := b.client(service.Options{TokenLife: 2 * time.Second})
	events := b.events(c, service.From{})
	feedback, err := c.Feedback(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	send, commands := b.telemetry("d1"), b.commands("d2")
	done := make(chan error, 1)
	go func() {
		_, err := feedback.Next(b.ctx)
		done <- err
	}()
	began := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < 5*time.Second {
		<-tick.C
		send("x")
		b.next(events)
	}
	if err := c.Send(b.ctx, service.C2D{DeviceID: "d2", MessageID: "m", Ack: service.AckFull}); err != nil {
		t.Fatal(err)
	}
	msg, err := commands.Receive(b.ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := commands.AcceptMessage(b.ctx, msg); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestKeyLog(t *testing.T) {
	b := newBench(t, hub.Options{}, "d1")
	var log bytes.Buffer
	b.client(service.Options{KeyLog: &log}).Close()
	if !bytes.Contains(log.Bytes(), []byte("CLIENT_TRAFFIC_SECRET_0 ")) {
		t.Errorf("key log: %q", log.Bytes())
	}
}

func TestEventsOfOnePartition(t *testing.T) {
	ids := deviceIDs(12)
	b := newBench(t, hub.Options{ConsumerGroups: []string{"desk"}}, ids...)
	c := b.client(service.Options{})
	for _, id := range ids {
		b.telemetry(id)("x")
	}
	count := make(map[string]int)
	for _, e := range b.hub.Events() {
		count[fmt.Sprint(e.Partition)]++
	}
	if len(count) != 4 {
		t.Fatalf("the devices are on partitions %v only", count)
	}
	for partition, n := range count {
		events := b.read(c, service.EventOptions{Partition: partition, ConsumerGroup: "desk"})
		if events.Partitions() != 1 {
			t.Errorf("%d partitions", events.Partitions())
		}
		for range n {
			if e := b.next(events); e.Partition != partition {
				t.Errorf("event of partition %s", e.Partition)
			}
		}
	}
}

func TestEventsWithAnEpoch(t *testing.T) {
	b := newBench(t, hub.Options{Partitions: 2}, "d1")
	c := b.client(service.Options{})
	one, two := int64(1), int64(2)
	first := b.read(c, service.EventOptions{Epoch: &one})
	b.read(c, service.EventOptions{Epoch: &two})
	_, err := first.Next(b.ctx)
	b.refused(err, "amqp:link:stolen", "higher epoch")
	_, err = c.Events(b.ctx, service.EventOptions{Epoch: &one})
	b.refused(err, "amqp:link:stolen", "higher epoch")
	_, err = c.Events(b.ctx, service.EventOptions{})
	b.refused(err, "amqp:link:stolen", "consumer group of your own")
}

func TestEventRefusals(t *testing.T) {
	b := newBench(t, hub.Options{Partitions: 1}, "d1")
	c := b.client(service.Options{})
	_, err := c.Events(b.ctx, service.EventOptions{ConsumerGroup: "nobody"})
	b.refused(err, "amqp:not-found", "--consumer-group")
	_, err = c.Events(b.ctx, service.EventOptions{Partition: "7"})
	b.refused(err, "com.microsoft:argument-out-of-range", "")
	_, err = c.Events(b.ctx, service.EventOptions{From: service.FromSequence(500)})
	b.refused(err, "com.microsoft:argument-error", "partition")
	for range 5 {
		b.read(c, service.EventOptions{})
	}
	_, err = c.Events(b.ctx, service.EventOptions{})
	b.refused(err, "amqp:resource-limit-exceeded", "five readers")
}

// refused checks a refusal and its hint.
func (b *bench) refused(err error, condition, hint string) {
	b.Helper()
	var said *service.HubError
	var helper interface{ Hint() string }
	if !errors.As(err, &said) || said.Condition != condition || !errors.As(err, &helper) || !strings.Contains(helper.Hint(), hint) {
		b.Errorf("error %v, want %s", err, condition)
	}
}
