package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fieldpost/bench/desk"
)

// wrongKey is in a connection string that lacks its device.
const wrongKey = "d3JvbmcgY2FyZCwgd3Jvbmcga2V5LCAzMiBieXRlcyE="

// unprovisioned boots a card that was given nothing.
func (p *proof) unprovisioned(ctx context.Context) error {
	g, err := p.card.boot(ctx)
	if err != nil {
		return err
	}
	defer g.cut()
	const waits = "waiting for a provisioning file"
	if err := g.says(waits); err != nil {
		return err
	}
	kept, lit, err := p.keeps(ctx, g, "nothing")
	if err != nil {
		return err
	}
	p.check("a card that was given nothing", "says so; "+noIdentity+"; its readings are kept",
		fmt.Sprintf("%q; %s; on the card: %d", waits, lit, kept), lit == noIdentity && kept > 0)
	return nil
}

// wrong boots a card that was given a connection string without a device.
func (p *proof) wrong(ctx context.Context) error {
	given := map[string]string{
		"connection-string": strings.Replace(strings.Split(p.hub.Connection, "SharedAccessKey=")[0], "DeviceId="+desk.Device+";", "", 1) + "SharedAccessKey=" + wrongKey + "\n",
		"hub-ca.pem":        string(p.hub.CAPEM()),
	}
	if err := p.card.put(ctx, given); err != nil {
		return err
	}
	g, err := p.card.boot(ctx)
	if err != nil {
		return err
	}
	defer g.cut()
	const fault = "neither DeviceId nor SharedAccessKeyName is there"
	if err := g.says(fault); err != nil {
		return err
	}
	before := len(p.durable)
	_, lit, err := p.keeps(ctx, g, "wrong")
	if err != nil {
		return err
	}
	p.check("a connection string without a device", "the log says so; "+noIdentity+"; readings are kept",
		fmt.Sprintf("%q; %s; on the card: %d more", fault, lit, len(p.durable)-before), lit == noIdentity && len(p.durable) > before)
	state, err := p.card.provisioned(ctx, filepath.Join(p.work, "refused"))
	if err != nil {
		return err
	}
	p.check("what was given then", "all of it, still where it was put", state, state == toProvision)
	told, err := p.card.told(ctx)
	if err != nil {
		return err
	}
	p.check(report+" on the boot partition", "says it too, and not the key", lineWith(told, fault), strings.Contains(told, fault) && !strings.Contains(told, wrongKey))
	p.check("the key in the log", "nowhere", fmt.Sprintf("%d times", g.heard(wrongKey)), g.heard(wrongKey) == 0)
	return nil
}

// keeps looks at a board that has no identity: what its light shows, and how many
// records are on the card when the power is cut after a commit.
func (p *proof) keeps(ctx context.Context, g *guest, name string) (kept int, lit string, err error) {
	if err := g.says("queue open"); err != nil {
		return 0, "", err
	}
	lit, err = g.light(noIdentity)
	if err != nil {
		fmt.Println(err)
	}
	// Half a minute after the first reading it is written.
	if err := g.age(ctx, 50*time.Second); err != nil {
		return 0, "", err
	}
	g.cut()
	ids, err := p.card.kept(ctx, filepath.Join(p.work, name))
	for _, id := range ids {
		p.durable[id] = true
	}
	return len(ids), lit, err
}

// lineWith is the line of a text in which these words are.
func lineWith(text, words string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, words) {
			return strings.TrimSpace(line)
		}
	}
	return "no such line"
}
