package hub

import (
	"fmt"
	"testing"

	"fieldpost/internal/amqpserver/wire"
)

func textMessage(text string) *wire.Message {
	return &wire.Message{Annotations: wire.Map{}, Data: [][]byte{[]byte(text)}}
}

func TestLogDropsOldestOverItsLimit(t *testing.T) {
	const limit = 4000
	p := newEventLog(1, limit).partitions[0]
	for i := range 100 {
		if err := p.append("dev1", []*wire.Message{textMessage(fmt.Sprintf("event %02d", i))}); err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, e := range p.events {
			sum += e.size()
		}
		if sum != p.bytes || sum > limit {
			t.Fatalf("after %d: holds %d bytes, counts %d, limit %d", i, sum, p.bytes, limit)
		}
	}
	s := p.state()
	if s.empty || s.last.sequence != 99 || s.begin != 100-int64(len(p.events)) || s.begin == 0 {
		t.Errorf("state %+v with %d events", s, len(p.events))
	}
	for i, e := range p.events {
		if e.sequence != s.begin+int64(i) {
			t.Errorf("event %d has sequence number %d, log begins at %d", i, e.sequence, s.begin)
		}
	}
}

func TestLogKeepsTheNewestHoweverLarge(t *testing.T) {
	p := newEventLog(1, 10).partitions[0]
	for range 3 {
		if err := p.append("dev1", []*wire.Message{textMessage("larger than the limit")}); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.events) != 1 || p.events[0].sequence != 2 {
		t.Errorf("%d events", len(p.events))
	}
}

func TestPartitionOfDeviceIsStable(t *testing.T) {
	a, b := newEventLog(4, 1<<20), newEventLog(4, 1<<20)
	used := make(map[int]int)
	for i := range 200 {
		id := fmt.Sprintf("device-%d", i)
		if a.of(id).id != b.of(id).id {
			t.Fatalf("%s is on two partitions", id)
		}
		used[a.of(id).id]++
	}
	if len(used) != 4 {
		t.Errorf("devices by partition: %v", used)
	}
}
