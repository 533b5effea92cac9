package hub

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

func textMessage(text string) *wire.Message {
	return &wire.Message{Annotations: wire.Map{}, Data: [][]byte{[]byte(text)}}
}

func newTestLog(opts Options) *eventLog {
	if opts.Partitions == 0 {
		opts.Partitions = 1
	}
	return newEventLog(opts.withDefaults(), time.Now)
}

func (p *partition) mustAppend(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := p.append([]*wire.Message{textMessage(text)}); err != nil {
			t.Fatal(err)
		}
	}
}

// check verifies that the partition holds what it says, without gaps, up to the
// newest event, and within its limits.
func (p *partition) check(t *testing.T) {
	t.Helper()
	var inMemory int64
	next, offset := p.first(), int64(-1)
	for i, s := range p.segments {
		if (s.data == nil) != (i < p.onDisk) {
			t.Fatalf("segment %d of %d, %d of them on disk, has %d bytes in memory", i, len(p.segments), p.onDisk, len(s.data))
		}
		inMemory += int64(len(s.data))
	}
	for _, e := range p.held() {
		m, err := wire.ParseMessage(e.payload)
		if err != nil {
			t.Fatal(err)
		}
		if offset < 0 {
			offset = e.offset
		}
		if e.sequence != next || e.offset != offset || m.Annotations[annotationSequence] != next || m.Annotations[annotationOffset] != offsetText(offset) {
			t.Fatalf("event at %d, %d says %v, want %d, %d", e.sequence, e.offset, m.Annotations, next, offset)
		}
		next, offset = next+1, offset+int64(len(e.payload))
	}
	if next != p.next.sequence {
		t.Fatalf("the log ends before %d, want %d", next, p.next.sequence)
	}
	if inMemory != p.bytes || p.bytes > p.limit && len(p.segments) > p.onDisk+1 {
		t.Fatalf("holds %d bytes, counts %d, limit %d", inMemory, p.bytes, p.limit)
	}
	if p.spill.used > p.spill.limit {
		t.Fatalf("holds %d bytes on disk, limit %d", p.spill.used, p.spill.limit)
	}
}

func TestLogDropsOldestOverItsLimit(t *testing.T) {
	p := newTestLog(Options{LogBytes: 8000}).partitions[0]
	for i := range 300 {
		p.mustAppend(t, fmt.Sprintf("event %03d", i))
		p.check(t)
	}
	s := p.state()
	if s.empty || s.last.sequence != 299 || s.begin == 0 || s.begin > 260 {
		t.Errorf("state %+v", s)
	}
}

func TestLogKeepsTheNewestHoweverLarge(t *testing.T) {
	p := newTestLog(Options{LogBytes: 10}).partitions[0]
	p.mustAppend(t, "larger than the limit", "larger than the limit", "larger than the limit")
	p.check(t)
	if s := p.state(); s.begin != 2 || s.last.sequence != 2 || s.empty {
		t.Errorf("state %+v", s)
	}
}

func TestLogSpills(t *testing.T) {
	const limit, onDisk = 8000, 64000
	p := newTestLog(Options{LogBytes: limit, SpillDir: t.TempDir(), SpillBytes: onDisk}).partitions[0]
	text := strings.Repeat("x", 100)
	for i := range 200 {
		p.mustAppend(t, fmt.Sprintf("%s %d", text, i))
	}
	p.check(t)
	if p.first() != 0 || p.onDisk == 0 {
		t.Fatalf("the log begins at %d with %d segments on disk", p.first(), p.onDisk)
	}
	for i := range 2000 {
		p.mustAppend(t, fmt.Sprintf("%s %d", text, i))
		if i%100 == 0 {
			p.check(t)
		}
	}
	p.check(t)
	// A file goes as a whole: the limit is missed by one of them at most.
	if p.spill.used < onDisk/2 {
		t.Errorf("%d bytes on disk of %d", p.spill.used, onDisk)
	}
	p.close()
	if p.spill.used != 0 || p.onDisk != 0 {
		t.Errorf("%d bytes in %d segments on disk when closed", p.spill.used, p.onDisk)
	}
}

func TestSpilledLogLeavesNoFiles(t *testing.T) {
	dir := t.TempDir()
	p := newTestLog(Options{LogBytes: 8000, SpillDir: dir}).partitions[0]
	for range 300 {
		p.mustAppend(t, "some text that is to be spilled")
	}
	if p.spill.used == 0 {
		t.Fatal("nothing was spilled")
	}
	if left, err := os.ReadDir(dir); runtime.GOOS != "windows" && (err != nil || len(left) > 0) {
		t.Errorf("%d files would outlive the process, %v", len(left), err)
	}
	p.close()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files left, %v", len(left), err)
	}
}

func TestLogThatCannotSpillDropsOldest(t *testing.T) {
	dir := t.TempDir()
	var said strings.Builder
	p := newTestLog(Options{LogBytes: 8000, SpillDir: dir, Log: slog.New(slog.NewTextHandler(&said, nil))}).partitions[0]
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		p.mustAppend(t, fmt.Sprintf("event %d", i))
	}
	p.check(t)
	if n := strings.Count(said.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, said.String())
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		p.mustAppend(t, fmt.Sprintf("event %d", i))
	}
	p.check(t)
	if p.onDisk == 0 {
		t.Error("nothing is spilled once the folder is there")
	}
	p.close()
}

func TestLogTimeNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestLog(Options{}).partitions[0]
		p.mustAppend(t, "a")
		ahead := time.Now().Add(time.Hour)
		p.next.enqueued = ahead
		p.mustAppend(t, "b")
		if at := p.state().last.enqueued; !at.Equal(ahead) {
			t.Errorf("enqueued at %s, want %s", at, ahead)
		}
		time.Sleep(2 * time.Hour)
		p.mustAppend(t, "c")
		if at := p.state().last.enqueued; !at.Equal(time.Now()) {
			t.Errorf("enqueued at %s, want %s", at, time.Now())
		}
	})
}

func TestSeek(t *testing.T) {
	p := newTestLog(Options{LogBytes: 8000, SpillDir: t.TempDir()}).partitions[0]
	for i := range 500 {
		p.mustAppend(t, fmt.Sprintf("event %d", i))
	}
	defer p.close()
	if p.first() != 0 || p.onDisk < 3 || len(p.segments) < p.onDisk+3 {
		t.Fatalf("%d segments, %d on disk, begin at %d", len(p.segments), p.onDisk, p.first())
	}
	for _, e := range p.held() {
		for _, pos := range []position{
			{by: bySequence, value: e.sequence, inclusive: true},
			{by: bySequence, value: e.sequence - 1},
			{by: byOffset, value: e.offset, inclusive: true},
			{by: byOffset, value: e.offset - 1},
		} {
			c, err := p.seek(pos.starts)
			if err != nil || c.sequence != e.sequence || c.offset != e.offset {
				t.Fatalf("%+v: at %d, %d, %v, want %d, %d", pos, c.sequence, c.offset, err, e.sequence, e.offset)
			}
			if found, err := c.event(); err != nil || string(found.payload) != string(e.payload) || !found.enqueued.Equal(e.enqueued) {
				t.Fatalf("%+v: found %+v, %v", pos, found, err)
			}
		}
	}
	if c, err := p.seek(position{by: bySequence, value: 499}.starts); err != nil || c.left() {
		t.Errorf("behind the end: %+v, %v", c, err)
	}
}

func TestPartitionOfDeviceIsStable(t *testing.T) {
	a, b := newTestLog(Options{Partitions: 4}), newTestLog(Options{Partitions: 4})
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
	// The hash must never change: clients remember partitions.
	for id, want := range map[string]int{"gateway-1": 3, "gateway-2": 2, "a": 0, "dev1": 3} {
		if got := a.of(id).id; got != want {
			t.Errorf("%s is on partition %d, want %d", id, got, want)
		}
	}
}
