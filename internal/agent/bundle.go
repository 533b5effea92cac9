package agent

import (
	"context"
	"encoding/hex"
	"io"
	"runtime"
	"time"

	"fieldpost/board"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

// bundle writes all there is to know to w. What cannot be had in time is named.
func (a *Agent) bundle(ctx context.Context, w io.Writer) error {
	b := diag.NewBundle(w, "agent", a.parts.Version)
	b.AddJSON("status.json", a.Status(), nil)
	b.AddJSON("sensors.json", a.sensorsReport(), nil)
	b.AddJSON("history.json", a.watch.history.report(), nil)
	queue, err := a.queueReport(ctx)
	b.AddJSON("queue.json", queue, err)
	b.AddJSON("commands.json", a.commandsReport(), nil)
	b.AddJSON("boots.json", a.boots(), nil)
	if a.parts.Ring != nil {
		b.Add("log.txt", a.parts.Ring.Tail(diag.RingBytes))
	} else {
		b.Missing("log.txt", "this agent keeps none in memory")
	}
	var m diag.Metrics
	a.metrics(ctx, &m)
	b.Add("metrics.txt", m.Bytes())
	b.Add("goroutines.txt", diag.Stacks())
	b.Missing("fsck.json", "the queue is in use; queue.json tells how it is")
	AddFacts(b, a.cfg, a.parts.Root)
	return b.Close()
}

// boot is one boot of the gateway, as far as its time is known.
type boot struct {
	Boot         string    `json:"boot"`
	Began        time.Time `json:"began,omitzero"`
	UncertaintyS float64   `json:"uncertainty_s"`
	PoweredS     float64   `json:"powered_s"`
}

func (a *Agent) boots() (list []boot) {
	for _, e := range a.store.Boots().Entries() {
		list = append(list, boot{hex.EncodeToString(e.Boot[:]), e.Began, e.Uncertainty.Seconds(), e.Powered.Seconds()})
	}
	return list
}

// kernelFiles are what the kernel says of the machine and holds no secret.
func kernelFiles() []string {
	return []string{
		"etc/os-release", "proc/version", "proc/uptime", "proc/loadavg", "proc/cpuinfo", "proc/meminfo", "proc/net/dev", "proc/net/route",
		"sys/class/thermal/thermal_zone0/temp", "sys/devices/platform/soc/soc:firmware/get_throttled", "proc/self/status", "proc/self/limits",
	}
}

// AddFacts adds what is there without a running agent too: the configuration,
// which names secrets by their files only, the board and the kernel.
func AddFacts(b *diag.Bundle, cfg *config.Config, root string) {
	if cfg != nil {
		shown := *cfg
		shown.Sensors = append([]config.Sensor{}, cfg.Sensors...)
		for i, s := range shown.Sensors {
			if len(s.Program) > 1 {
				shown.Sensors[i].Program = []string{s.Program[0], "..."} // an argument may be a password
			}
		}
		b.AddJSON("config.json", shown, nil)
	}
	b.AddJSON("board.json", struct {
		board.Identity
		Go, Arch string
		CPUs     int
	}{board.Identify(root), runtime.Version(), runtime.GOARCH, runtime.NumCPU()}, nil)
	var kernel []byte
	for _, name := range kernelFiles() {
		if text := kernelFile(root, name); text != "" {
			kernel = append(kernel, "== /"+name+"\n"+text+"\n"...)
		}
	}
	b.Add("kernel.txt", kernel)
}
