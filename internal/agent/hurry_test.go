package agent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/store"
)

// An alarm that goes out at once hurries nobody. One that waits when the link goes
// down does, once.
func TestAlarmHurriesWhenTheLinkIsDown(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t, dir)
		a := f.agent.Agent
		alarm := func() {
			if _, err := a.enqueue(context.Background(), store.Record{ID: store.ID{Class: store.Alarm}, Kind: store.KindEvent, Body: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
		}
		f.sleepUntil("online", time.Minute, a.Online)
		f.sleepUntil("the first records", time.Minute, func() bool { return f.hub.EventCount() > 5 })
		alarm()
		time.Sleep(time.Minute)
		if len(a.urgent) != 0 {
			t.Error("an alarm hurries a link that is online")
		}
		// The hub takes nothing, so that an alarm is still there when it hangs up.
		f.hub.Inject(hub.MustParseFault("credit-zero"))
		f.hub.Inject(hub.MustParseFault("refuse"))
		alarm()
		n := f.dialed()
		f.hub.Inject(hub.MustParseFault("drop"))
		time.Sleep(500 * time.Millisecond)
		if got := f.dialed() - n; got != 2 {
			t.Errorf("%d attempts at once, want the first after a good connection and one for the alarm; link %+v", got, a.link.State())
		}
		if err := f.agent.stop(); err != nil {
			t.Error(err)
		}
	})
}
