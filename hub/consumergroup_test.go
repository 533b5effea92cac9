package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

func groupAddress(group string, partition any) string {
	return fmt.Sprintf("fieldpost/ConsumerGroups/%s/Partitions/%v", group, partition)
}

func TestConsumerGroupsReadSideBySide(t *testing.T) {
	r := newRig(t, hub.Options{ConsumerGroups: []string{"dashboard"}})
	partition, _ := r.fill(2)
	r.must(r.hub.AddConsumerGroup("late"))
	r.must(r.hub.AddConsumerGroup("Dashboard"))
	r.must(r.hub.AddConsumerGroup("$default"))
	if got := r.hub.ConsumerGroups(); !slices.Equal(got, []string{"$Default", "dashboard", "late"}) {
		t.Errorf("groups %v", got)
	}
	svc := r.asService()
	for _, group := range []string{"$Default", "$default", "dashboard", "DASHBOARD", "late"} {
		in := svc.receiver(groupAddress(group, partition), &amqp.ReceiverOptions{Credit: 5})
		for i := range 2 {
			m := svc.receive(in)
			r.must(in.AcceptMessage(r.ctx, m))
			if string(m.GetData()) != fmt.Sprint(i) {
				t.Errorf("%s: event %d is %s", group, i, m.GetData())
			}
		}
	}
}

func TestUnknownConsumerGroup(t *testing.T) {
	r := newRig(t, hub.Options{})
	_, err := r.asService().session.NewReceiver(r.ctx, groupAddress("nobody", 0), nil)
	r.wantCondition(err, "amqp:not-found")
	if err == nil || !strings.Contains(err.Error(), "The messaging entity 'hub:eventhub:fieldpost~0|nobody' could not be found. TrackingId:") {
		t.Errorf("text: %v", err)
	}
}

func TestConsumerGroupNames(t *testing.T) {
	r := newRig(t, hub.Options{})
	for _, bad := range []string{"", "$other", "a b", ".a", "a-", "a/b", "ä", strings.Repeat("a", 51)} {
		if err := r.hub.AddConsumerGroup(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
		if h, err := hub.New(hub.Options{Listen: "none", ConsumerGroups: []string{bad}}); err == nil {
			t.Errorf("%q makes hub %v", bad, h)
		}
	}
	for _, good := range []string{"a", "7", "a.b_c-d", strings.Repeat("a", 50)} {
		r.must(r.hub.AddConsumerGroup(good))
	}
}

func TestFiveReadersShareAPartitionOfAGroup(t *testing.T) {
	r := newRig(t, hub.Options{ConsumerGroups: []string{"other"}})
	svc := r.asService()
	address := groupAddress("$Default", 0)
	var readers []*amqp.Receiver
	for i := range 5 {
		opts := &amqp.ReceiverOptions{}
		if i > 0 {
			opts.Properties = map[string]any{"com.microsoft:receiver-name": fmt.Sprint("reader-", i)}
		}
		readers = append(readers, svc.receiver(address, opts))
	}
	_, err := svc.session.NewReceiver(r.ctx, address, nil)
	r.wantCondition(err, "amqp:resource-limit-exceeded")
	if err == nil || !strings.Contains(err.Error(), "Exceeded the maximum number of allowed receivers per partition in a consumer group which is 5. "+
		"List of connected receivers - nil, reader-1, reader-2, reader-3, reader-4. TrackingId:") {
		t.Errorf("text: %v", err)
	}
	svc.receiver(groupAddress("$Default", 1), nil)
	svc.receiver(groupAddress("other", 0), nil)
	r.must(readers[2].Close(r.ctx))
	svc.receiver(address, nil)
}
