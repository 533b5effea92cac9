package hub_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// A connection that has taken a device opens its link before another one takes
// it: else the older could open last and the newer would be left without.
func TestTakeoverIsOneStep(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	release := r.hub.HoldQueue("dev1")
	var attaching sync.WaitGroup
	attach := func() string {
		nc := r.tls()
		c, err := r.openOn(nc, amqp.SASLTypePlain("dev1@sas.localhost", r.deviceToken("dev1", time.Hour)))
		r.must(err)
		p := r.peer(c)
		attaching.Go(func() { _, _ = p.session.NewReceiver(r.ctx, deviceboundAddress("dev1"), nil) })
		return nc.LocalAddr().String()
	}
	first := attach()
	waitUntilAttaching(r, 1)
	attach()
	waitUntilAttaching(r, 2)
	owner := r.hub.Owner("dev1")
	release()
	attaching.Wait()
	if owner != first {
		t.Errorf("the device is of %s, while %s opens its link", owner, first)
	}
}

// A connection that has lost its device to a newer one does not take it back with
// an attach that was under way.
func TestReplacedConnectionDoesNotTakeTheDeviceBack(t *testing.T) {
	r := newRig(t, hub.Options{})
	r.device("dev1")
	older, newer, svc := r.asDevice("dev1"), r.asDevice("dev1"), r.asService()
	older.sender(telemetryAddress("dev1"))
	release := r.hub.HoldQueue("dev1")
	var attaching sync.WaitGroup
	var in *amqp.Receiver
	attaching.Go(func() { in, _ = newer.session.NewReceiver(r.ctx, deviceboundAddress("dev1"), nil) })
	waitUntilAttaching(r, 1)
	attaching.Go(func() { _, _ = older.session.NewSender(r.ctx, telemetryAddress("dev1"), nil) })
	waitUntilAttaching(r, 2)
	release()
	attaching.Wait()
	if in == nil {
		t.Fatal("the newer connection got no receiver")
	}
	select {
	case <-older.conn.Done():
	case <-r.ctx.Done():
		t.Fatal("the older connection is still open")
	}
	svc.accepted(svc.sender("/messages/devicebound"), command("dev1", "c", ""))
	newer.receive(in)
}

// waitUntilAttaching waits until n links of devices are held up by a lock.
func waitUntilAttaching(r *rig, n int) {
	r.Helper()
	stacks := make([]byte, 4<<20)
	for r.ctx.Err() == nil {
		held := 0
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			state, _, _ := strings.Cut(stack, "\n")
			if strings.Contains(state, "sync.Mutex.Lock") && strings.Contains(stack, "hub.(*peer).device(") {
				held++
			}
		}
		if held == n {
			return
		}
		runtime.Gosched()
	}
	r.Fatalf("never %d links held up", n)
}

// Whatever the order in which connections attach the links of a device, one of
// them has it in the end, with links that work, and the others are told to go.
func TestTakeoverLeavesOneConnection(t *testing.T) {
	const rounds, connections = 10, 6
	r := newRig(t, hub.Options{})
	r.device("dev1")
	svc := r.asService()
	out := svc.sender("/messages/devicebound")
	for range rounds {
		var peers [connections]*peer
		var receivers [connections]*amqp.Receiver
		for i := range peers {
			peers[i] = r.asDevice("dev1")
		}
		start := make(chan struct{})
		var attaching sync.WaitGroup
		for i, p := range peers {
			attaching.Go(func() {
				<-start
				receivers[i], _ = p.session.NewReceiver(r.ctx, deviceboundAddress("dev1"), nil)
			})
			attaching.Go(func() {
				<-start
				_, _ = p.session.NewSender(r.ctx, telemetryAddress("dev1"), nil)
			})
		}
		close(start)
		attaching.Wait()
		ended := make(chan int, connections)
		for i, p := range peers {
			go func() {
				<-p.conn.Done()
				ended <- i
			}()
		}
		winner := connections * (connections - 1) / 2 // the sum of all numbers, less those of the others
		for range connections - 1 {
			select {
			case i := <-ended:
				winner -= i
			case <-r.ctx.Done():
				t.Fatal("more than one connection is still open")
			}
		}
		if receivers[winner] == nil {
			t.Fatal("the connection that stays has no receiver")
		}
		svc.accepted(out, command("dev1", "c", ""))
		r.must(receivers[winner].AcceptMessage(r.ctx, peers[winner].receive(receivers[winner])))
		peers[winner].conn.Close()
		<-ended
	}
}
