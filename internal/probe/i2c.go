package probe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/board"
	"fieldpost/internal/diag"
	"fieldpost/sensors/catalog"
)

const (
	devicePrefix = "/dev/i2c-"
	i2cDevices   = "sys/bus/i2c/devices"

	// busTime is what a bus gets of a look at all of them, wholeTime what the only one
	// gets.
	busTime   = 4 * time.Second
	wholeTime = 40 * time.Second
	// An adapter is slow when it takes slowNAK to say that nobody answers. It is left
	// after slowMost of these, unless it is the only one.
	slowNAK  = 100 * time.Millisecond
	slowMost = 4
	// stepTime bounds one step on a bus that nobody owns.
	stepTime = 5 * time.Second
)

// adapters lists the numbers of the I²C adapters that the kernel or /dev knows.
func (p *prober) adapters() (numbers []string) {
	for _, n := range append(p.tree.List(i2cDevices), p.tree.List("dev")...) {
		digits, ok := strings.CutPrefix(n, "i2c-")
		if _, err := strconv.ParseUint(digits, 10, 16); ok && err == nil && !slices.Contains(numbers, digits) {
			numbers = append(numbers, digits)
		}
	}
	for _, b := range p.Known {
		digits, ok := strings.CutPrefix(b.Device, devicePrefix)
		if ok && !slices.Contains(numbers, digits) {
			numbers = append(numbers, digits)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// i2c looks at every I²C bus, or at the only one.
func (p *prober) i2c(ctx context.Context) {
	for _, number := range p.adapters() {
		device := devicePrefix + number
		bus, known := p.known(device)
		if p.Only != "" && p.Only != device && (!known || p.Only != bus.Name) {
			continue
		}
		name, _ := p.tree.Read(i2cDevices + "/i2c-" + number + "/name")
		a := &adapter{
			prober: p, device: device, number: number, configured: bus, whole: p.Only != "",
			report: diag.ProbeBus{Kind: "i2c", Device: device, Name: name, Bus: bus.Name},
		}
		a.kernels()
		a.look(ctx)
		p.report.Buses = append(p.report.Buses, a.report)
	}
}

// adapter is the look at one bus.
type adapter struct {
	*prober
	device, number string
	configured     Bus
	whole          bool
	hung           bool // a transfer was left behind
	report         diag.ProbeBus
	taken          []uint16 // addresses that a kernel driver has
	bus            i2c.BusCloser
	slow           int
}

// look asks the addresses of the catalog.
func (a *adapter) look(ctx context.Context) {
	bus, err := a.Buses.I2C(a.device)
	if err != nil {
		a.problem(err)
		if a.report.Name != "" && !slices.Contains(a.tree.List("dev"), "i2c-"+a.number) {
			a.report.Hint = "load i2c-dev (modprobe i2c-dev; a line i2c-dev in /etc/modules for the next boot), or pass the device into the container"
		}
		return
	}
	a.bus = bus
	defer func() {
		if !a.hung { // a handle is not taken from a transfer
			_ = bus.Close()
		}
	}()
	limit := busTime
	if a.whole {
		limit = wholeTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	addresses := places()
	for i, at := range addresses {
		if a.skips(at) {
			continue
		}
		if ctx.Err() != nil || a.slow >= slowMost && !a.whole {
			a.report.Note = fmt.Sprintf("stopped after %d of %d addresses: %s", i, len(addresses), a.why())
			return
		}
		answer, err := a.step(ctx, at)
		if err != nil && (ctx.Err() == nil || a.hung) {
			a.problem(err)
			return
		}
		if answer.slow {
			a.slow++
		}
		for _, f := range answer.found {
			if !a.has(at, f.device) {
				a.add(a.offer(at, f))
			}
		}
	}
}

func (a *adapter) why() string {
	if a.slow >= slowMost {
		return fmt.Sprintf("this adapter takes more than %v to say that nobody answers; agent probe --bus %s looks at all of them", slowNAK, a.device)
	}
	return "the time for this bus was over; agent probe --bus " + a.device + " takes longer"
}

func (a *adapter) problem(err error) {
	a.report.Problem, a.report.Hint = err.Error(), diag.Hint(err)
}

// places lists the addresses where parts of the catalog may be, those of the commonest
// parts first.
func places() (all []uint16) {
	for _, s := range catalog.Sources() {
		for _, at := range s.Addresses {
			if !slices.Contains(all, at) && s.Name != "ds18b20" {
				all = append(all, at)
			}
		}
	}
	for _, s := range catalog.Sources() {
		for _, at := range s.Addresses {
			if !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
	}
	return all
}

// skips reports whether an address has an owner, who is not disturbed.
func (a *adapter) skips(at uint16) bool {
	if slices.Contains(a.taken, at) {
		return true
	}
	found := false
	for _, s := range a.Sensors {
		if s.Bus != "" && s.Bus == a.configured.Name && s.Address == at {
			what := "sensor " + s.Name
			if s.Device != "" {
				what += ", " + s.Device
			}
			a.add(diag.ProbePart{Where: hex(at), Certainty: diag.Configured, What: what, How: s.State, Sources: []string{s.Source}})
			found = found || s.Source != "ds18b20" // behind a bridge may be more
		}
	}
	return found
}

// has reports whether the configuration has that part behind a bridge.
func (a *adapter) has(at uint16, device string) bool {
	return device != "" && a.configured.Name != "" && slices.ContainsFunc(a.Sensors, func(s Sensor) bool {
		return s.Bus == a.configured.Name && s.Address == at && (s.Device == device || s.Device == "")
	})
}

// add keeps the parts in the order of their addresses.
func (a *adapter) add(part diag.ProbePart) {
	parts := append(a.report.Parts, part)
	for i := len(parts) - 1; i > 0 && parts[i-1].Where > parts[i].Where; i-- {
		parts[i-1], parts[i] = parts[i], parts[i-1]
	}
	a.report.Parts = parts
}

func hex(at uint16) string { return fmt.Sprintf("%#02x", at) }

// answer is what one address gave.
type answer struct {
	found []finding
	slow  bool // nobody was there, and it took the adapter long to say so
}

// finding is a part, the sources that read it, and its number behind a bridge.
type finding struct {
	part    diag.ProbePart
	sources []catalog.Source
	device  string
	bound   *board.BoundError // it belongs to the kernel
}

// step asks an address where nobody else uses the bus. What is asked may be left
// behind, and touches nothing of a.
func (a *adapter) step(ctx context.Context, at uint16) (answer, error) {
	var begun atomic.Bool
	got, bus := make(chan answer, 1), a.bus
	err := a.own()(ctx, func(ctx context.Context) error {
		begun.Store(true)
		found, err := ask(ctx, bus, at)
		got <- found
		return err
	})
	select {
	case found := <-got:
		return found, err
	default:
		a.hung = begun.Load()
		return answer{}, err
	}
}

// own returns the owner of the bus; one that nobody owns is used at once.
func (a *adapter) own() Own {
	if a.Owner != nil && a.configured.Name != "" {
		if own := a.Owner(a.configured); own != nil {
			return own
		}
	}
	return func(ctx context.Context, do func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, stepTime)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- do(ctx) }()
		grace := time.NewTimer(stepTime + time.Second)
		defer grace.Stop()
		select {
		case err := <-done:
			return err
		case <-grace.C:
			return &missingError{"a transfer on " + a.device + " does not return", "power-cycle the parts on the bus"}
		}
	}
}
