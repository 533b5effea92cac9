//go:build unix

package hub_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"fieldpost/hub"
)

// The scale benchmarks run the hub in this process and all clients in another,
// over TLS on the loopback interface, so that the processor time of each is known.
const (
	scaleDevices = 1000
	scaleMost    = 4000 // connected and silent
)

// clients is the process that plays devices and readers.
type clients struct {
	b   *testing.B
	in  io.Writer
	out *bufio.Scanner
}

// clientsOrder is what the clients have to know.
type clientsOrder struct {
	Addr    string
	Host    string
	CA      []byte
	Tokens  []string // of device-0 and so on
	Service string   // token
}

// clientsReport is what the clients have done at one command.
type clientsReport struct {
	Messages int
	Wall     time.Duration
	CPU      time.Duration // of the process
	P50, P99 time.Duration // from Send to the outcome
}

// startClients starts clients with n devices; nothing connects yet.
func startClients(b *testing.B, r *rig, n int) *clients {
	b.Helper()
	order := clientsOrder{Addr: r.hub.Addr(), Host: r.hub.HostName(), CA: r.hub.CAPEM(), Service: r.serviceToken(time.Hour)}
	for i := range n {
		id := fmt.Sprint("device-", i)
		r.device(id)
		order.Tokens = append(order.Tokens, r.deviceToken(id, time.Hour))
	}
	self, err := os.Executable()
	r.must(err)
	cmd := exec.CommandContext(r.ctx, self, "-test.run", "^$", "-test.bench", "^BenchmarkScaleClients$", "-test.benchtime", "1x")
	cmd.Env = append(os.Environ(), clientsVariable+"=1")
	in, err := cmd.StdinPipe()
	r.must(err)
	out, err := cmd.StdoutPipe()
	r.must(err)
	var said bytes.Buffer
	cmd.Stderr = &said
	r.must(cmd.Start())
	b.Cleanup(func() {
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			b.Errorf("clients: %v\n%s", err, said.String())
		}
	})
	c := &clients{b: b, in: in, out: bufio.NewScanner(out)}
	r.must(json.NewEncoder(in).Encode(order))
	return c
}

// run has one command done and returns what came of it, with the processor time
// of this process meanwhile.
func (c *clients) run(command string) (clientsReport, time.Duration) {
	c.b.Helper()
	used := processorTime()
	if _, err := fmt.Fprintln(c.in, command); err != nil {
		c.b.Fatal(err)
	}
	for c.out.Scan() {
		var report clientsReport
		if json.Unmarshal(c.out.Bytes(), &report) == nil {
			return report, processorTime() - used
		}
		if strings.Contains(c.out.Text(), "FAIL") {
			break
		}
	}
	c.b.Fatalf("the clients end at %q: %q, %v", command, c.out.Text(), c.out.Err())
	return clientsReport{}, 0
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScale connects a thousand devices, lets each send ten messages a
// second, then all as fast as they can, with a reader on each partition.
func BenchmarkScale(b *testing.B) {
	for b.Loop() {
		r := newRig(b, hub.Options{})
		r.hang(5 * time.Minute)
		before := heap()
		c := startClients(b, r, scaleDevices)
		connected, cpu := c.run("connect")
		b.ReportMetric(float64(connected.Messages)/connected.Wall.Seconds(), "connects/s")
		b.ReportMetric(cpu.Seconds()*1e3/scaleDevices, "hub-cpu-ms/connect")
		b.ReportMetric(float64(heap()-before)/1e3/scaleDevices, "hub-KB/device")
		if n := r.hub.Connections(); n != scaleDevices+1 { // and the readers
			b.Fatalf("%d connections", n)
		}
		for _, phase := range []string{"paced", "flood"} {
			logged := r.hub.EventCount()
			report, cpu := c.run(phase)
			n := float64(report.Messages)
			b.ReportMetric(n/report.Wall.Seconds(), phase+"-msg/s")
			b.ReportMetric(report.P50.Seconds()*1e3, phase+"-p50-ms")
			b.ReportMetric(report.P99.Seconds()*1e3, phase+"-p99-ms")
			b.ReportMetric(cpu.Seconds()*1e6/n, phase+"-hub-us/msg")
			b.ReportMetric(report.CPU.Seconds()*1e6/n, phase+"-clients-us/msg")
			b.ReportMetric(cpu.Seconds()/report.Wall.Seconds(), phase+"-hub-cpus")
			b.ReportMetric(report.CPU.Seconds()/report.Wall.Seconds(), phase+"-clients-cpus")
			if got := r.hub.EventCount() - logged; got != int64(report.Messages) {
				b.Errorf("%s: %d messages accepted, %d logged", phase, report.Messages, got)
			}
		}
		if read, _ := c.run("read"); int64(read.Messages) != r.hub.EventCount() {
			b.Errorf("%d events read of %d", read.Messages, r.hub.EventCount())
		}
	}
}

// BenchmarkScaleConnected connects as many devices as the hub takes at a time, and
// a few less.
func BenchmarkScaleConnected(b *testing.B) {
	for b.Loop() {
		r := newRig(b, hub.Options{})
		r.hang(10 * time.Minute)
		before, resident := heap(), residentKB()
		c := startClients(b, r, scaleMost)
		connected, cpu := c.run("connect")
		if n := r.hub.Connections(); n != scaleMost+1 {
			b.Fatalf("%d connections", n)
		}
		b.ReportMetric(float64(connected.Messages)/connected.Wall.Seconds(), "connects/s")
		b.ReportMetric(cpu.Seconds()*1e3/scaleMost, "hub-cpu-ms/connect")
		b.ReportMetric(float64(heap()-before)/1e3/scaleMost, "hub-KB/device")
		b.ReportMetric(float64(residentKB()-resident)/scaleMost, "hub-RSS-KB/device")
		b.ReportMetric(float64(runtime.NumGoroutine())/scaleMost, "hub-goroutines/device")
		idle, cpu := c.run("idle")
		b.ReportMetric(cpu.Seconds()/idle.Wall.Seconds(), "hub-idle-cpus")
	}
}

// residentKB is what the kernel holds in memory for this process; 0 where it does
// not say.
func residentKB() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kb int64
	_, _ = fmt.Sscan(rest, &kb)
	return kb
}
