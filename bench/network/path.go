package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// The path from the gateway to the hub, each end in a namespace:
//
//	gateway: vgw 10.77.0.2 ── veth ── vhub ── br0 10.77.0.1 :hub
//
// The bridge stands for a router that says nothing: a packet that does not fit
// through vhub is dropped there without a word to either end.
const (
	bridgeName  = "br0"
	hubPort     = "vhub" // the hub's end of the cable
	gatewayPort = "vgw"  // the gateway's end
	hubIP       = "10.77.0.1"
	gatewayIP   = "10.77.0.2"
	fullMTU     = "1500"
)

// ip calls a command of iproute2.
func ip(args ...string) error { return tool("ip", args...) }

func tool(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func each(commands ...string) error {
	for _, c := range commands {
		f := strings.Fields(c)
		if err := tool(f[0], f[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// layBridge makes the hub's side of the path in the namespace of this process.
func layBridge() error {
	return each(
		"ip link set lo up",
		"ip link add "+bridgeName+" type bridge",
		// The kernel lets a bridge follow its ports until somebody has changed its MTU.
		"ip link set "+bridgeName+" mtu 1400",
		"ip link set "+bridgeName+" mtu "+fullMTU,
		// Segments that only leave the machine as packets would pass any MTU.
		"ip link set "+bridgeName+" gso_max_segs 1",
		"ip addr add "+hubIP+"/24 dev "+bridgeName,
		"ip link set "+bridgeName+" up",
	)
}

// layCable connects the namespace of a process with the bridge. shape is the
// queueing discipline of the hub's end, or empty.
func layCable(pid int, shape string) error {
	err := each(
		"ip link add "+hubPort+" type veth peer name "+gatewayPort,
		"ip link set "+gatewayPort+" gso_max_segs 1",
		"ip link set "+gatewayPort+" netns "+strconv.Itoa(pid),
		"ip link set "+hubPort+" master "+bridgeName+" up",
	)
	if err == nil && shape != "" {
		err = each("tc qdisc add dev " + hubPort + " root " + shape)
	}
	return err
}

// removeCable takes both ends away. The kernel does so too, some time after the last
// process of a namespace has ended.
func removeCable() { _ = ip("link", "del", hubPort) }

const roleGateway = "as-gateway"

// beGateway waits in its namespace until the cable is there, configures it and
// becomes the agent: SHAPE AGENT ARG...
func beGateway(in *os.File, args []string) error {
	if len(args) < 2 {
		return errors.New("no agent to become")
	}
	var word [3]byte
	if n, err := in.Read(word[:]); n == 0 {
		return fmt.Errorf("no cable: %w", err)
	}
	err := each(
		"ip link set lo up",
		"ip addr add "+gatewayIP+"/24 dev "+gatewayPort,
		"ip link set "+gatewayPort+" up",
	)
	if err == nil && args[0] != "" {
		err = each("tc qdisc add dev " + gatewayPort + " root " + args[0])
	}
	if err != nil {
		return err
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}
