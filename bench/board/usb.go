package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fieldpost/bench/board/errand"
	"fieldpost/board/boardsim"
	"fieldpost/internal/diag"
)

const (
	// Faults last some samples of the parts that have them, and many of the others.
	slowly  = time.Second
	quickly = 250 * time.Millisecond

	// The two adapters, by their port.
	first, second = 0, 1
	bme280At      = 0x76
	sht4xAt       = 0x44
	seldomAt      = 0x45
	tmp102At      = 0x48
	ds2482At      = 0x18
)

// usbBench is a machine with two adapters and what they are called there.
type usbBench struct {
	*bed
	bus [2]int // number of the kernel's bus
}

// proveUSB proves drivers, kernel drivers and faults on two I²C adapters.
func proveUSB(ctx context.Context, b *bed) error {
	u := &usbBench{bed: b}
	for _, step := range []func(context.Context) error{
		u.plugIn, u.readThermometer, u.readByDrivers, u.readByKernel, u.noAcknowledgement, u.stuckBusy, u.wedged, u.unplugged,
		func(ctx context.Context) error { return u.account(ctx, 10) },
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tell has the guest do an errand that has no answer but that it is done.
func (b *bed) tell(ctx context.Context, e errand.Errand) error {
	_, err := b.do(ctx, e)
	return err
}

func (u *usbBench) plugIn(ctx context.Context) error {
	if err := u.network(ctx, "eth0"); err != nil {
		return err
	}
	parts := [2]map[uint16]string{{bme280At: "bme280", sht4xAt: "sht4x", seldomAt: "sht4x"}, {tmp102At: "tmp102", ds2482At: "ds2482"}}
	for port := range parts {
		if err := u.tell(ctx, errand.Errand{Do: errand.Make, Port: port, Parts: parts[port]}); err != nil {
			return err
		}
		if err := u.findBus(ctx, port); err != nil {
			return err
		}
	}
	name, err := u.do(ctx, errand.Errand{Do: errand.Read, Path: fmt.Sprintf("/sys/bus/i2c/devices/i2c-%d/name", u.bus[first])})
	if err != nil {
		return err
	}
	u.check("two adapters on the kernel's buses", "i2c-tiny-usb", fmt.Sprintf("i2c-%d, i2c-%d: %s", u.bus[first], u.bus[second], strings.TrimSpace(name.Out)),
		strings.HasPrefix(name.Out, "i2c-tiny-usb at") && u.bus[first] != u.bus[second])
	if err := u.kernelTakes(ctx, second, "ds2482", ds2482At); err != nil {
		return err
	}
	var config strings.Builder
	for i, bus := range u.bus {
		fmt.Fprintf(&config, "[[bus]]\nname = \"usb%d\"\ndevice = \"/dev/i2c-%d\"\n", i, bus)
	}
	sensor := func(name string, every time.Duration, rest string) {
		fmt.Fprintf(&config, "[[sensor]]\nname = %q\nevery = %q\n%s\n", name, every, rest)
	}
	sensor("climate", slowly, "source = \"bme280\"\nbus = \"usb0\"\naddress = 0x76")
	sensor("cellar", slowly, "source = \"sht4x\"\nbus = \"usb0\"\n[[sensor.value]]\nname = \"temperature\"\nmax = 60")
	// Its handle on the adapter must not keep the kernel from taking the adapter away.
	sensor("seldom", time.Hour, "source = \"sht4x\"\nbus = \"usb0\"\naddress = 0x45")
	sensor("pipe", quickly, "source = \"tmp102\"\nbus = \"usb1\"")
	sensor("kernel", slowly, "source = \"iio\"\ndevice = \"bme280\"")
	sensor("well", 2*slowly, "source = \"ds18b20\"\nbus = \"usb1\"\nresolution = 9")
	sensor("kernel-well", 2*slowly, "source = \"ds18b20\"")
	sensor("host", quickly, "source = \"host\"")
	return u.start(ctx, config.String())
}

// findBus waits until the kernel's driver has the adapter on a port.
func (u *usbBench) findBus(ctx context.Context, port int) error {
	return u.until(ctx, "the kernel's driver has the adapter", func() (bool, error) {
		a, err := u.do(ctx, errand.Errand{Do: errand.Bus, Port: port})
		u.bus[port] = a.Number
		return a.OK, err
	})
}

// read expects values of a sensor at the hub.
func (u *usbBench) read(ctx context.Context, sensor, what string, want map[string]float64, quality string) (arrival, error) {
	a, err := u.newest(ctx, sensor, func(a arrival) bool { return a.is(want) && a.quality == quality })
	if err != nil {
		return a, err
	}
	u.check(what, arrival{values: want, quality: quality}.String(), a.String(), true)
	return a, nil
}

func (u *usbBench) set(ctx context.Context, port int, at uint16, values ...float64) error {
	return u.tell(ctx, errand.Errand{Do: errand.Set, Port: port, At: at, Values: values})
}

func (u *usbBench) readByDrivers(ctx context.Context) error {
	room := map[string]float64{"temperature": 21.5, "humidity": 44, "pressure": 1013.2}
	if _, err := u.read(ctx, "climate", "BME280 by the agent's driver, at the hub", room, ""); err != nil {
		return err
	}
	if err := u.set(ctx, first, bme280At, -12.34, 81, 955.5); err != nil {
		return err
	}
	if err := u.set(ctx, first, sht4xAt, 70, 20); err != nil {
		return err
	}
	cold := map[string]float64{"temperature": -12.34, "humidity": 81, "pressure": 955.5}
	if _, err := u.read(ctx, "climate", "BME280 in the cold", cold, ""); err != nil {
		return err
	}
	hot := map[string]float64{"temperature": 70, "humidity": 20}
	if _, err := u.read(ctx, "cellar", "SHT4x above the max of its place", hot, "temperature=suspect:unlikely"); err != nil {
		return err
	}
	if _, err := u.read(ctx, "pipe", "TMP102 on the other adapter", map[string]float64{"temperature": 21.5}, ""); err != nil {
		return err
	}
	return nil
}

// readByKernel gives the BME280 to the kernel's driver for a while.
func (u *usbBench) readByKernel(ctx context.Context) error {
	before, err := u.newest(ctx, "climate", func(arrival) bool { return true })
	if err != nil {
		return err
	}
	if err := u.kernelTakes(ctx, first, "bme280", bme280At); err != nil {
		return err
	}
	if err := u.trouble(ctx, "climate", "BME280 that the kernel takes while it is read", "failing", "belongs to kernel driver bmp280"); err != nil {
		return err
	}
	if err := u.prod(ctx, "kernel"); err != nil {
		return err
	}
	kernel, err := u.newest(ctx, "kernel", func(a arrival) bool { return a.is(before.values) })
	if err != nil {
		return err
	}
	u.check("the same part by the kernel's IIO driver", before.String(), kernel.String(), true)
	a, err := u.do(ctx, errand.Errand{Do: errand.Run, Args: []string{agentFile, "sensors", "read", "climate", "--socket", "/none", "--config", agentConfig}})
	if err != nil {
		return err
	}
	const reason, hint = "belongs to kernel driver bmp280", `source = "iio"`
	_, told, _ := strings.Cut(oneLine(a.Errors), "0x76: ")
	u.check("its I2C address while the kernel has it", "refused, with the way to read it", told, a.Code == 1 && strings.Contains(a.Errors, reason) && strings.Contains(a.Errors, hint))
	if err := u.kernelLeaves(ctx, first, bme280At); err != nil {
		return err
	}
	if err := u.prod(ctx, "climate"); err != nil {
		return err
	}
	return u.well(ctx, "climate", "the kernel leaves it")
}

// kernelTakes has a driver of the kernel take a part; kernelLeaves takes it back.
func (u *usbBench) kernelTakes(ctx context.Context, port int, kind string, at uint16) error {
	return u.tell(ctx, errand.Errand{Do: errand.Write, Path: u.busFile(port, "new_device"), Text: fmt.Sprintf("%s %#x", kind, at)})
}

func (u *usbBench) kernelLeaves(ctx context.Context, port int, at uint16) error {
	return u.tell(ctx, errand.Errand{Do: errand.Write, Path: u.busFile(port, "delete_device"), Text: fmt.Sprintf("%#x", at)})
}

func (u *usbBench) busFile(port int, name string) string {
	return fmt.Sprintf("/sys/bus/i2c/devices/i2c-%d/%s", u.bus[port], name)
}

// readThermometer takes a bridge to 1-wire back from the kernel, which has had it
// from the beginning.
func (u *usbBench) readThermometer(ctx context.Context) error {
	if err := u.trouble(ctx, "well", "DS2482 that the kernel has, by the agent's driver", "failing", "belongs to kernel driver ds2482"); err != nil {
		return err
	}
	if err := u.set(ctx, second, ds2482At, -3.5); err != nil {
		return err
	}
	if err := u.prod(ctx, "kernel-well"); err != nil {
		return err
	}
	frost := map[string]float64{"temperature": -3.5}
	if _, err := u.read(ctx, "kernel-well", "DS18B20 behind it, by the kernel's w1_therm", frost, ""); err != nil {
		return err
	}
	if err := u.kernelLeaves(ctx, second, ds2482At); err != nil {
		return err
	}
	if err := u.prod(ctx, "well"); err != nil {
		return err
	}
	_, err := u.read(ctx, "well", "DS2482 and DS18B20 by the agent's driver, taken back", frost, "")
	return err
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// others waits until readings of the sensors that have no fault have come to the hub.
func (u *usbBench) others(ctx context.Context, what string, names ...string) error {
	const enough = 3
	before := map[string]int{}
	for _, n := range names {
		before[n] = len(u.arrivals(n))
	}
	var seen []string
	if err := u.until(ctx, "readings of others", func() (bool, error) {
		seen = nil
		all := true
		for _, n := range names {
			more := len(u.arrivals(n)) - before[n]
			seen = append(seen, fmt.Sprintf("%s %d", n, more))
			all = all && more >= enough
		}
		return all, fmt.Errorf("at the hub: %s", strings.Join(seen, ", "))
	}); err != nil {
		return err
	}
	u.check("meanwhile, "+what, fmt.Sprintf("%d and more at the hub of each", enough), strings.Join(seen, ", "), true)
	return nil
}

// trouble waits until a sensor says what is the matter with it.
// One of the reasons must be given: what is the matter may change before it is looked at.
func (u *usbBench) trouble(ctx context.Context, sensor, what, condition string, reasons ...string) error {
	s, err := u.sensor(ctx, sensor, what, func(s diag.Sensor) bool {
		return s.Condition == condition && slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(s.Reason, r) })
	})
	if err != nil {
		return err
	}
	u.check(what, condition+", "+strings.Join(reasons, " or "), said(s), s.Hint != "")
	return nil
}

// prod has the agent read a sensor now, as a technician would who does not wait for the
// end of the pause after failures. The others heal by themselves.
func (u *usbBench) prod(ctx context.Context, sensor string) error {
	return u.until(ctx, sensor+" read on demand", func() (bool, error) {
		a, err := u.do(ctx, errand.Errand{Do: errand.Run, Args: []string{agentFile, "sensors", "read", sensor, "--socket", agentSocket}})
		if err != nil {
			return false, err
		}
		return a.Code == 0, errors.New(oneLine(a.Errors))
	})
}

// well waits until readings of a sensor come to the hub again.
func (u *usbBench) well(ctx context.Context, sensor, what string) error {
	a, err := u.newest(ctx, sensor, func(a arrival) bool { return len(a.values) > 0 })
	if err != nil {
		return err
	}
	u.check(what, "readings at the hub", a.String(), true)
	return nil
}

func (u *usbBench) fault(ctx context.Context, at uint16, f boardsim.Fault) error {
	return u.tell(ctx, errand.Errand{Do: errand.Fault, Port: first, At: at, Fault: byte(f)})
}

func (u *usbBench) noAcknowledgement(ctx context.Context) error {
	if err := u.fault(ctx, bme280At, boardsim.Absent); err != nil {
		return err
	}
	if err := u.trouble(ctx, "climate", "BME280 that does not acknowledge", "failing", "no acknowledgement"); err != nil {
		return err
	}
	if err := u.others(ctx, "its neighbour, other bus, host", "cellar", "pipe", "host"); err != nil {
		return err
	}
	if err := u.fault(ctx, bme280At, boardsim.NoFault); err != nil {
		return err
	}
	return u.well(ctx, "climate", "it acknowledges again")
}

func (u *usbBench) stuckBusy(ctx context.Context) error {
	if err := u.fault(ctx, bme280At, boardsim.StuckBusy); err != nil {
		return err
	}
	if err := u.trouble(ctx, "climate", "BME280 whose measurement never ends", "failing", "part stays busy"); err != nil {
		return err
	}
	if err := u.others(ctx, "other bus, host", "pipe", "host"); err != nil {
		return err
	}
	if err := u.fault(ctx, bme280At, boardsim.NoFault); err != nil {
		return err
	}
	if err := u.prod(ctx, "climate"); err != nil {
		return err
	}
	return u.well(ctx, "climate", "its measurements end again")
}

// wedged has the first adapter answer nothing, so that the kernel's call does not return.
func (u *usbBench) wedged(ctx context.Context) error {
	if err := u.tell(ctx, errand.Errand{Do: errand.Wedge, Port: first, On: true}); err != nil {
		return err
	}
	if err := u.trouble(ctx, "cellar", "adapter that answers nothing", "hung", "has not returned since"); err != nil {
		return err
	}
	if err := u.others(ctx, "other bus, host", "pipe", "host"); err != nil {
		return err
	}
	buses, err := u.part(ctx, "buses")
	if err != nil {
		return err
	}
	u.check("what status says of the buses", "broken: usb0", string(buses.State)+": "+buses.Reason, buses.State == diag.Broken && strings.Contains(buses.Reason, "usb0"))
	if err := u.tell(ctx, errand.Errand{Do: errand.Wedge, Port: first}); err != nil {
		return err
	}
	return u.well(ctx, "cellar", "it answers again")
}

func (u *usbBench) unplugged(ctx context.Context) error {
	was := u.bus[first]
	if err := u.tell(ctx, errand.Errand{Do: errand.Unplug, Port: first}); err != nil {
		return err
	}
	if err := u.trouble(ctx, "climate", "adapter pulled out", "failing", "bus adapter failed", "no such file"); err != nil {
		return err
	}
	if err := u.others(ctx, "other bus, host", "pipe", "host"); err != nil {
		return err
	}
	if err := u.tell(ctx, errand.Errand{Do: errand.Plug, Port: first}); err != nil {
		return err
	}
	if err := u.findBus(ctx, first); err != nil {
		return err
	}
	u.check("plugged in again", fmt.Sprintf("i2c-%d", was), fmt.Sprintf("i2c-%d", u.bus[first]), was == u.bus[first])
	if err := u.well(ctx, "climate", "BME280 on the adapter again"); err != nil {
		return err
	}
	return u.well(ctx, "cellar", "SHT4x on the adapter again")
}
