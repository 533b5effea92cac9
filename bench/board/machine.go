package main

import (
	"context"
	"strings"
)

// machine is a board as QEMU has it.
type machine struct {
	name, title string
	qemu        string // binary
	share       string // folder of firmware that goes with it
	args        []string
	boot        string // the kernel's command line
	prove       func(context.Context, *bed) error
}

// arguments of QEMU; the console is its standard input and output.
func (m machine) arguments(o *options, qmp, qtest string) []string {
	args := append(m.args, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", o.kernel, "-initrd", o.initrd, "-append", m.boot+" quiet loglevel=1 panic=-1",
		"-qmp", "unix:"+qmp+",server=on,wait=off")
	if m.share != "" {
		args = append(args, "-L", m.share)
	}
	if o.dtb != "" {
		args = append(args, "-dtb", o.dtb)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "QTEST", qtest)
	}
	return args
}

// hostAddress is where a guest finds its host, in QEMU's own network.
const (
	hostAddress  = "10.0.2.2"
	guestAddress = "10.0.2.15"
)

func machines() []machine {
	const (
		tmp105 = "tmp105,id=t0,address=0x48,bus=i2c-bus."
		user   = "user,id=n0,restrict=off"
	)
	// The time of a Raspberry Pi goes by instructions, 4 ns each: there is an interrupt of
	// the USB host each millisecond, and with little of a processor no time for anything else.
	pi := func(name, title, qemu, boot string, args ...string) machine {
		return machine{
			name: name, title: title, qemu: qemu, prove: provePi,
			args: append([]string{"-M", name, "-serial", "stdio", "-icount", "shift=2,sleep=on", "-device", tmp105 + "1", "-netdev", user, "-device", "usb-net,netdev=n0"}, args...),
			boot: "console=ttyAMA0,115200 " + boot,
		}
	}
	return []machine{
		{
			name: "amd64", title: "a PC with USB adapters", qemu: "qemu-system-x86_64", prove: proveUSB,
			args: []string{"-M", "q35", "-accel", "tcg", "-cpu", "qemu64,+rdrand", "-smp", "1", "-m", "384", "-serial", "stdio",
				"-netdev", user, "-device", "virtio-net-pci,netdev=n0,romfile="},
			boot: "console=ttyS0 no_timer_check",
		},
		// Without its power driver: the model of the machine lacks what it talks to, and the kernel dies.
		pi("raspi0", "a Raspberry Pi Zero, ARMv6", "qemu-system-arm", "initcall_blacklist=bcm2835_power_driver_init"),
		pi("raspi2b", "a Raspberry Pi 2, ARMv7", "qemu-system-arm", ""),
		pi("raspi3b", "a Raspberry Pi 3, arm64", "qemu-system-aarch64", ""),
		{
			name: "sabrelite", title: "an i.MX6 board, ARMv7, with GPIO lines", qemu: "qemu-system-arm", prove: proveLines,
			args: []string{"-M", "sabrelite", "-smp", "1", "-m", "512", "-accel", "tcg", "-serial", "null", "-serial", "stdio",
				"-device", tmp105 + "0", "-nic", "user", "-qtest", "unix:QTEST,server=on,wait=off", "-qtest-log", "none"},
			// The model's timer runs slow when the kernel lets it sleep.
			boot: "console=ttymxc1,115200 nohz=off highres=off",
		},
	}
}
