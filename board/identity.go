package board

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxIdentityFile bounds what is read of any file: /proc/cpuinfo of a large
// machine is the longest.
const maxIdentityFile = 256 << 10

// Identity is who the machine says it is. Empty fields are unknown.
type Identity struct {
	Model     string // "Raspberry Pi 4 Model B Rev 1.4"
	Serial    string // of the board; never all zeros
	MachineID string // 32 hex digits, from /etc/machine-id; of the installed system
	ID        string // Serial, else MachineID
	From      string // where ID comes from: "device-tree", "cpuinfo", "machine-id" or "none"
}

// Identify reads the identity of the machine whose file system is at root,
// "" for "/". It never fails: what cannot be read is left empty.
func Identify(root string) Identity {
	if root == "" {
		root = "/"
	}
	id := Identity{From: "none"}
	for _, f := range []string{"proc/device-tree/model", "sys/firmware/devicetree/base/model", "sys/class/dmi/id/product_name"} {
		if id.Model = readLine(root, f); id.Model != "" {
			break
		}
	}
	id.Serial, id.From = serial(root)
	id.MachineID = machineID(root)
	id.ID = id.Serial
	if id.ID == "" {
		id.ID = id.MachineID
		if id.ID != "" {
			id.From = "machine-id"
		}
	}
	return id
}

// serial returns the serial number of the board and where it stands.
func serial(root string) (number, from string) {
	for _, f := range []string{"proc/device-tree/serial-number", "sys/firmware/devicetree/base/serial-number"} {
		if s := readLine(root, f); meaningful(s) {
			return s, "device-tree"
		}
	}
	sc := bufio.NewScanner(bytes.NewReader(readFile(root, "proc/cpuinfo")))
	for sc.Scan() {
		key, value, ok := strings.Cut(sc.Text(), ":")
		if value = strings.TrimSpace(value); ok && strings.TrimSpace(key) == "Serial" && meaningful(value) {
			return value, "cpuinfo"
		}
	}
	return "", "none"
}

// meaningful refuses the serial numbers that boards without one give: nothing
// or zeros.
func meaningful(serial string) bool { return strings.Trim(serial, "0 ") != "" }

// machineID returns the id of the installed system; "uninitialized" and other
// text that is no id count as none.
func machineID(root string) string {
	for _, f := range []string{"etc/machine-id", "var/lib/dbus/machine-id"} {
		s := readLine(root, f)
		if len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" && meaningful(s) {
			return s
		}
	}
	return ""
}

// readLine returns the first line of a file up to the NUL that ends the strings
// of a device tree, with what cannot be printed taken out.
func readLine(root, name string) string {
	s, _, _ := strings.Cut(string(readFile(root, name)), "\x00")
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

func readFile(root, name string) []byte {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return nil
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, maxIdentityFile))
	return b
}
