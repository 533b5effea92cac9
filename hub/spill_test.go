package hub_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func TestPartitionReaderReadsTheSpilledLog(t *testing.T) {
	const n = 400
	r := newRig(t, hub.Options{Partitions: 1, LogBytes: 64 << 10, SpillDir: t.TempDir()})
	r.device("dev1")
	svc := r.asService()
	path := "fieldpost/ConsumerGroups/$Default/Partitions/0"
	early := svc.receiver(path, &amqp.ReceiverOptions{Credit: -1})
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	for i := range n {
		d.accepted(s, amqp.NewMessage(fmt.Appendf(make([]byte, 1000), "%d", i)))
	}
	r.must(early.IssueCredit(n))
	late := svc.receiver(path, &amqp.ReceiverOptions{Credit: 10})
	for _, in := range []*amqp.Receiver{early, late} {
		for i := range n {
			m := svc.receive(in)
			if got := string(m.GetData()[1000:]); got != fmt.Sprint(i) || m.Annotations["x-opt-sequence-number"] != int64(i) {
				t.Fatalf("event %d is %s, %v", i, got, m.Annotations)
			}
			r.must(in.AcceptMessage(r.ctx, m))
		}
	}
	if held := r.hub.Events(); len(held) != n || held[0].DeviceID != "dev1" || held[n-1].SequenceNumber != n-1 {
		t.Errorf("%d events are held", len(held))
	}
}

func TestNoFolderToSpillTo(t *testing.T) {
	for _, dir := range []string{filepath.Join(t.TempDir(), "none"), os.Args[0]} {
		if h, err := hub.New(hub.Options{SpillDir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, %v", dir, h, err)
		}
	}
}

func TestHubThatEndsGivesUpItsFiles(t *testing.T) {
	h, err := hub.New(hub.Options{Partitions: 1, LogBytes: 64 << 10, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	r := &rig{TB: t, hub: h}
	r.hang(time.Minute)
	r.dial = func() net.Conn {
		c, err := net.Dial("tcp", h.Addr())
		r.must(err)
		return c
	}
	r.device("dev1")
	d := r.asDevice("dev1")
	s := d.sender(telemetryAddress("dev1"))
	for range 100 {
		d.accepted(s, amqp.NewMessage(make([]byte, 2000)))
	}
	if _, onDisk := h.Held(); onDisk == 0 {
		t.Fatal("nothing was spilled")
	}
	cancel()
	r.must(<-done)
	if _, onDisk := h.Held(); onDisk != 0 {
		t.Errorf("%d bytes on disk behind the end", onDisk)
	}
}
