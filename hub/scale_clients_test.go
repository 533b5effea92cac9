//go:build unix

package hub_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

// clientsVariable tells the test binary that it is the clients of a scale
// benchmark.
const clientsVariable = "FIELDPOST_SCALE_CLIENTS"

const (
	scaleEvery  = 100 * time.Millisecond // between two messages of a device
	scalePaced  = 100                    // messages of a device
	scaleFlood  = 5 * time.Second
	scaleIdle   = 10 * time.Second
	partitions  = 4
	readerRoom  = 1000 // credit
	dialersOnce = 8    // devices that connect at the same time
)

// reading is a message of 200 bytes with three properties.
func reading() *amqp.Message {
	m := amqp.NewMessage(make([]byte, 200))
	m.ApplicationProperties = map[string]any{"sensor": "bme280", "seq": "1", "quality": "good"}
	return m
}

// fleetOfClients is the devices and readers of the other process.
type fleetOfClients struct {
	*rig
	order   clientsOrder
	tls     *tls.Config
	senders []*amqp.Sender
	sent    atomic.Int64
	read    atomic.Int64
}

// BenchmarkScaleClients is the clients' side of the scale benchmarks: it does the
// commands of its standard input.
func BenchmarkScaleClients(b *testing.B) {
	if os.Getenv(clientsVariable) == "" {
		b.Skip("this is a part of BenchmarkScale")
	}
	in := bufio.NewReader(os.Stdin)
	f := &fleetOfClients{rig: &rig{TB: b}}
	f.hang(10 * time.Minute)
	line, err := in.ReadBytes('\n')
	f.must(err)
	f.must(json.Unmarshal(line, &f.order))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(f.order.CA)
	f.tls = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	commands := map[string]func() clientsReport{
		"connect": f.connect, "paced": f.paced, "flood": f.flood, "read": f.catchUp,
		"idle": func() clientsReport { time.Sleep(scaleIdle); return clientsReport{} },
	}
	for {
		command, err := in.ReadString('\n')
		if err != nil {
			return
		}
		began, used := time.Now(), processorTime()
		report := commands[strings.TrimSpace(command)]()
		report.CPU = processorTime() - used
		if report.Wall == 0 {
			report.Wall = time.Since(began)
		}
		text, err := json.Marshal(report)
		f.must(err)
		fmt.Printf("\n%s\n", text)
	}
}

// join opens a connection with a token.
func (f *fleetOfClients) join(audience, token string) *peer {
	nc, err := net.Dial("tcp", f.order.Addr)
	f.must(err)
	c, err := f.openOn(tls.Client(nc, f.tls), nil)
	f.must(err)
	p := f.peer(c)
	p.cbs().put(audience, token)
	return p
}

// connect opens the connection of each device, and one with a reader on each
// partition.
func (f *fleetOfClients) connect() clientsReport {
	f.senders = make([]*amqp.Sender, len(f.order.Tokens))
	began := time.Now()
	var next atomic.Int64
	each(f, dialersOnce, func(int) {
		for i := next.Add(1) - 1; i < int64(len(f.senders)); i = next.Add(1) - 1 {
			id := fmt.Sprint("device-", i)
			f.senders[i] = f.join(f.order.Host+"/devices/"+id, f.order.Tokens[i]).sender(telemetryAddress(id))
		}
	})
	wall := time.Since(began)
	svc := f.join(f.order.Host, f.order.Service)
	for i := range partitions {
		in := svc.receiver(groupAddress("$Default", i), &amqp.ReceiverOptions{Credit: readerRoom})
		go func() {
			for {
				m, err := in.Receive(f.ctx, nil)
				if err == nil {
					err = in.AcceptMessage(f.ctx, m)
				}
				if err != nil {
					return
				}
				f.read.Add(1)
			}
		}()
	}
	return clientsReport{Messages: len(f.senders), Wall: wall}
}

// catchUp waits until the readers have what was sent.
func (f *fleetOfClients) catchUp() clientsReport {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for f.read.Load() < f.sent.Load() && f.ctx.Err() == nil {
		<-tick.C
	}
	return clientsReport{Messages: int(f.read.Load())}
}

// paced sends at the rate the benchmark is named for. A device that is late sends
// at once, so that all of its messages are sent, however long it takes.
func (f *fleetOfClients) paced() clientsReport {
	began := time.Now()
	return f.measure(func(i int, send func() error) error {
		first := began.Add(scaleEvery * time.Duration(i) / time.Duration(len(f.senders)))
		for n := range scalePaced {
			timer := time.NewTimer(time.Until(first.Add(scaleEvery * time.Duration(n))))
			<-timer.C
			if err := send(); err != nil {
				return err
			}
		}
		return nil
	})
}

// flood sends one message after the other on every link.
func (f *fleetOfClients) flood() clientsReport {
	ctx, cancel := context.WithTimeout(f.ctx, scaleFlood)
	defer cancel()
	return f.measure(func(_ int, send func() error) error {
		for ctx.Err() == nil {
			if err := send(); err != nil {
				return err
			}
		}
		return nil
	})
}

// measure runs do for each device with what sends one message and waits for its
// outcome.
func (f *fleetOfClients) measure(do func(i int, send func() error) error) clientsReport {
	began := time.Now()
	latencies := make([][]time.Duration, len(f.senders))
	each(f, len(f.senders), func(i int) {
		err := do(i, func() error {
			at := time.Now()
			err := f.senders[i].Send(f.ctx, reading(), nil)
			latencies[i] = append(latencies[i], time.Since(at))
			return err
		})
		if err != nil {
			f.Error(err)
		}
	})
	wall := time.Since(began)
	all := slices.Concat(latencies...)
	slices.Sort(all)
	f.sent.Add(int64(len(all)))
	return clientsReport{Messages: len(all), Wall: wall, P50: all[len(all)/2], P99: all[len(all)*99/100]}
}
