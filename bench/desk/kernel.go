package desk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Peak is the most memory that a process ever had resident, in bytes.
func Peak(pid int) (int64, error) {
	const want = "VmHWM:"
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == want {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, want)
}

// TCP are counters of the network of an agent since it was made.
type TCP struct {
	Dials   int // connections begun
	Resends int // segments sent again
}

// TCP reads the kernel's counters for the network namespace of the agent.
func (a *Agent) TCP() (TCP, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/snmp", a.PID()))
	if err != nil {
		return TCP{}, err
	}
	return parseTCP(string(text))
}

// parseTCP reads the counters of RFC 2012 from a pair of lines, names and values.
func parseTCP(snmp string) (t TCP, err error) {
	want := map[string]*int{"ActiveOpens": &t.Dials, "RetransSegs": &t.Resends}
	var names []string
	for line := range strings.Lines(snmp) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] != "Tcp:":
		case names == nil:
			names = f
		default:
			for i, name := range names {
				if into := want[name]; into != nil && i < len(f) {
					if *into, err = strconv.Atoi(f[i]); err != nil {
						return t, err
					}
					delete(want, name)
				}
			}
		}
	}
	if len(want) > 0 {
		return t, errors.New("the kernel does not count TCP connections and segments")
	}
	return t, nil
}
