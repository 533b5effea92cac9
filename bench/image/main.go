// Image proves the SD card of scripts/image.sh on the Raspberry Pi 3 of QEMU: it
// takes its identity from the boot partition, reads a part on I2C, delivers to a
// hub on this machine, and goes on after each power cut. It is run by
// scripts/proof.sh image-raspi3b.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"fieldpost/bench/desk"
	"fieldpost/hub"
)

// hang ends what never comes: a boot takes a minute, or several on a busy machine.
const hang = 10 * time.Minute

type options struct {
	image, agent, qemu, share, work string
	cuts                            int
	seed                            uint64
}

func main() {
	var o options
	flag.StringVar(&o.image, "image", "", "`file` of scripts/image.sh")
	flag.StringVar(&o.agent, "agent", "", "`file` of the agent for this machine, which looks into stores")
	flag.StringVar(&o.qemu, "qemu", "qemu-system-aarch64", "`program`")
	flag.StringVar(&o.share, "share", "", "`folder` of firmware that goes with it")
	flag.StringVar(&o.work, "work", "", "`folder` for the card and what is on it")
	flag.IntVar(&o.cuts, "cuts", 10, "power cuts")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of the moments of the cuts")
	table := flag.String("table", "", "`file` that gets the table")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &proof{options: o, durable: map[string]bool{}, random: rand.New(rand.NewPCG(o.seed, 0))}
	fmt.Printf("seed %d\n", o.seed)
	err := p.run(ctx)
	if err == nil && p.failed {
		err = fmt.Errorf("something was refuted")
	}
	if *table != "" {
		err = errors.Join(err, p.write(*table))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func (p *proof) run(ctx context.Context) (err error) {
	p.hub, err = desk.StartHub(hub.Options{HostName: "10.0.2.2"}) // where QEMU's guests find their host
	if err != nil {
		return err
	}
	defer p.hub.Close()
	if p.card, err = newCard(ctx, p.options); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{p.unprovisioned, p.wrong, p.firstBoot} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for n := 2; n <= p.cuts; n++ {
		if err := p.life(ctx, n); err != nil {
			return fmt.Errorf("cut %d: %w", n, err)
		}
	}
	if p.cuts > 1 { // a card that the first cut met may have to be provisioned yet
		if err := p.again(ctx); err != nil {
			return err
		}
	}
	return p.last(ctx)
}

// given is what a person puts on the boot partition.
func (p *proof) given() map[string]string {
	return map[string]string{
		"connection-string": p.hub.Connection + "\n",
		"hub-ca.pem":        string(p.hub.CAPEM()),
		"web-password":      webPassword + "\r\n",
		"wifi-name":         "workshop\r\n",
		"wifi-password":     wifiPassword + "\r\n",
		"agent.toml": "version = 1\n[hub]\nconnection_string_file = \"connection-string\"\nca_file = \"hub-ca.pem\"\nclock_wait = \"0s\"\n" +
			// The estimate of wear would stretch the time between two commits.
			"[store]\ncommit_every = \"1s\"\ndaily_writes = \"100GiB\"\n" +
			"[board]\nled = \"ACT\"\n[[bus]]\nname = \"i2c\"\ndevice = \"/dev/i2c-1\"\n" +
			"[[sensor]]\nname = \"cabinet\"\nsource = \"tmp105\"\nbus = \"i2c\"\naddress = 0x48\nevery = \"1s\"\n",
	}
}

// firstBoot cuts the power while the card is provisioned, or soon before or after.
func (p *proof) firstBoot(ctx context.Context) error {
	if err := p.card.put(ctx, p.given()); err != nil {
		return err
	}
	g, err := p.card.boot(ctx)
	if err != nil {
		return err
	}
	defer g.cut()
	if err := g.says("taking what is on the boot partition"); err != nil {
		return err
	}
	time.Sleep(p.upTo(2 * time.Second))
	g.cut()
	state, err := p.card.provisioned(ctx, filepath.Join(p.work, "first"))
	if err != nil {
		return err
	}
	p.check("cut 1, in the first boot", "provisioned, or still to provision, whole", state, state != "half")
	return nil
}

// life boots, delivers or not, and is cut at a random moment. Every other one has
// no network, so that its readings are on the card only.
func (p *proof) life(ctx context.Context, n int) error {
	g, err := p.card.boot(ctx)
	if err != nil {
		return err
	}
	defer g.cut()
	offline := n%2 == 0
	began, before := time.Now(), len(p.hub.Arrived())
	if offline {
		if err = g.says("now listening on"); err == nil {
			_, err = g.monitor("set_link n0 off")
		}
		err = errors.Join(err, g.says("queue open"))
	} else {
		err = p.until(ctx, "a record at the hub", func() bool { return len(p.hub.Arrived()) > before })
	}
	if err != nil {
		return err
	}
	took := time.Since(began)
	p.noRadio(g)
	time.Sleep(time.Second + p.upTo(20*time.Second))
	g.cut()
	kept, err := p.card.kept(ctx, filepath.Join(p.work, "life"+strconv.Itoa(n)))
	if err != nil {
		return err
	}
	missing := p.absent(kept)
	for _, id := range kept {
		p.durable[id] = true
	}
	what, found := "with the hub", fmt.Sprintf("delivers after %.0f s; %d records since boot", took.Seconds(), len(p.hub.Arrived())-before)
	if offline {
		what, found = "without a network", "runs"
	}
	p.check(fmt.Sprintf("cut %d, %s", n, what), "the store opens; its records are counted", fmt.Sprintf("%s; on the card, not at the hub: %d", found, len(missing)), !offline || len(missing) > 0)
	return nil
}

// noRadio looks once at what is told of a radio that is not there: after a few lives as
// short as these, the card leaves it alone.
func (p *proof) noRadio(g *guest) {
	if p.looked {
		return
	}
	p.looked = true
	// That the driver was not loaded would be told with other words.
	const noChip = "wifi: no Wi-Fi chip answers on this board"
	alone := g.says(noChip)
	p.check("a network's name and password, and a board without a radio", "the driver is loaded; the log says what is missing, and not the password",
		fmt.Sprintf("%s; the password %d times", found(alone), g.heard(wifiPassword)), alone == nil && g.heard(wifiPassword) == 0)
}

// last boots once more: everything that was durable arrives, and the part is read.
func (p *proof) last(ctx context.Context) error {
	g, err := p.card.boot(ctx)
	if err != nil {
		return err
	}
	defer g.cut()
	all := make([]string, 0, len(p.durable))
	for id := range p.durable {
		all = append(all, id)
	}
	waited := p.until(ctx, "all durable records at the hub", func() bool { return len(p.absent(all)) == 0 })
	p.check("records that were on the card at a cut", "all at the hub", fmt.Sprintf("%d, %d not at the hub", len(all), len(p.absent(all))), waited == nil && len(all) > 0)
	if _, err := g.monitor("qom-set /machine/peripheral/t0 temperature 36500"); err != nil {
		return err
	}
	warm := p.until(ctx, "36.5 °C at the hub", func() bool {
		for _, e := range p.hub.Events() {
			if string(e.Body) == `{"temperature":36.5}` {
				return true
			}
		}
		return false
	})
	p.check("a TMP105 on I2C bus 1, set to 36.5 °C", `{"temperature":36.5} at the hub`, found(warm), warm == nil)
	lit, err := g.light(wellLit)
	if err != nil {
		fmt.Println(err)
	}
	p.check("the light then", wellLit+": all is well", lit, lit == wellLit)
	if err := p.pages(ctx, g); err != nil {
		return err
	}
	p.noRadio(g)
	arrived := p.hub.Arrived()
	unique := map[string]bool{}
	for _, id := range arrived {
		unique[id] = true
	}
	p.check("messages at the hub", "some; a resend has the same message-id", fmt.Sprintf("%d, of these %d again", len(arrived), len(arrived)-len(unique)), len(arrived) > 0)
	g.cut()
	left, err := p.card.left(ctx)
	if err != nil {
		return err
	}
	p.check("the folder on the boot partition", "empty", fmt.Sprintf("%d files", left), left == 0)
	told, err := p.card.told(ctx)
	if err != nil {
		return err
	}
	p.check(report+", when the right files were taken", "gone", fmt.Sprintf("%d bytes", len(told)), told == "")
	for name, secret := range p.secrets() {
		n, err := p.card.search(secret)
		if err != nil {
			return err
		}
		p.check("the bytes of the "+name+" on the boot partition", "nowhere", fmt.Sprintf("%d times", n), n == 0)
	}
	return nil
}

func found(err error) string {
	if err != nil {
		return err.Error()
	}
	return "there"
}
