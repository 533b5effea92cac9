package c2d_test

import (
	"slices"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/hub"
	"fieldpost/internal/service"
)

// feedbackUntil collects the feedback until that about the message with the
// marker's id has come. A record that the hub delivers again is the same record.
func (p *post) feedbackUntil(marker string) map[string][]service.FeedbackRecord {
	p.Helper()
	all := map[string][]service.FeedbackRecord{}
	for len(all[marker]) == 0 {
		records, err := p.feedback.Next(p.ctx)
		p.must(err)
		for _, r := range records {
			if !slices.Contains(all[r.MessageID], r) {
				all[r.MessageID] = append(all[r.MessageID], r)
			}
		}
	}
	return all
}

// The device's own feedback reaches the sender once, with the reason that the
// hub's does not have.
func TestFeedbackLink(t *testing.T) {
	p := newPost(t, hub.Options{DeviceFeedbackLink: true})
	a := p.agent(c2d.Options{FeedbackLink: true}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
	good, bad := p.send("", "echo", ""), p.send("", "ecko", "")
	a.step(bad, c2d.StepSettle)
	a.step(p.send("", "echo", ""), c2d.StepSettle)
	a.step(p.send(good, "echo", ""), c2d.StepSettle) // a duplicate is told by nobody
	last := p.send("last", "echo", "")
	all := p.feedbackUntil(last)
	if len(all[good]) != 1 || all[good][0].Status != service.StatusSuccess {
		t.Errorf("%s: %+v", good, all[good])
	}
	if r := all[bad]; len(r) != 1 || r[0].Status != service.StatusRejected || r[0].Description == "Message rejected" {
		t.Errorf("%s: %+v", bad, r)
	}
}

// A hub that refuses the link makes feedback itself.
func TestFeedbackLinkRefused(t *testing.T) {
	p := newPost(t, hub.Options{LockFor: time.Second}) // what went to the receiver that is cut comes again
	a := p.agent(c2d.Options{FeedbackLink: true}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
	good := p.send("", "echo", "")
	a.step(good, c2d.StepSettle)
	p.hub.Cut()
	p.must(p.hub.Restore())
	p.dial()
	last := p.send("last", "echo", "")
	if all := p.feedbackUntil(last); len(all[good]) > 1 || len(all[last]) != 1 {
		t.Errorf("feedback %+v", all)
	}
	p.told(p.send("", "echo", ""), service.StatusSuccess)
}

// After a cut the link is attached again.
func TestFeedbackLinkComesBack(t *testing.T) {
	p := newPost(t, hub.Options{DeviceFeedbackLink: true, LockFor: time.Second})
	p.agent(c2d.Options{FeedbackLink: true}, c2d.Action{Name: "echo", Args: echoArgs, Run: echo})
	p.told(p.send("", "echo", ""), service.StatusSuccess)
	p.hub.Cut()
	p.must(p.hub.Restore())
	p.dial()
	bad := p.send("", "ecko", "")
	if r := p.feedbackUntil(bad)[bad]; len(r) != 1 || r[0].Description == "Message rejected" {
		t.Errorf("%+v", r)
	}
}
