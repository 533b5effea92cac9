//go:build linux && proof

package crash

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// guestDisk is where a guest mounts the disk under test.
const guestDisk = "/disk"

// guestDir is the store's folder on it.
const guestDir = guestDisk + "/state"

// errand is what a guest is asked for, one line of JSON each.
type errand struct {
	Do     string // one of guest.do
	Device string // node of a block device
	Name   string // of a mapped device
	Kind   string // target of a mapped device
	Params string // of that target; DEVICE is replaced by Device
	Load   load
	Job    job
	State  diskState
}

// answer is what comes back, one line of JSON after the word "answer".
type answer struct {
	Err     string
	Node    string   // of the mapped device that was made
	Ended   string   // how the agent ended
	Finding *finding // of the judge
	Before  []string // files in its folder before it came
	Aside   int      // folders of files that the store has set aside
}

func (e errand) params() string { return strings.ReplaceAll(e.Params, "DEVICE", e.Device) }

// guest is the first and only process of a machine, but for an agent.
type guest struct {
	port  *os.File // to the host; agents have it as standard output
	agent *exec.Cmd
	disk  *replayed
}

// runGuest makes a machine ready and does errands until the host ends it. What it
// cannot do at all ends the machine: the host sees that, and the console tells.
func runGuest() {
	g := &guest{}
	if err := g.prepare(); err != nil {
		panic(err)
	}
	in := bufio.NewScanner(g.port)
	in.Buffer(nil, 64<<20)
	g.answer(answer{})
	for in.Scan() {
		var e errand
		a := answer{}
		err := json.Unmarshal(in.Bytes(), &e)
		if err == nil {
			err = g.do(e, &a)
		}
		if err != nil {
			a.Err = e.Do + ": " + err.Error()
		}
		g.answer(a)
	}
	panic(fmt.Sprint("the host is gone: ", in.Err()))
}

func (g *guest) answer(a answer) {
	b, err := json.Marshal(a)
	if err == nil {
		_, err = g.port.WriteString("answer " + string(b) + "\n")
	}
	if err != nil {
		panic(err)
	}
}

// prepare mounts what a process needs, loads the modules and opens the port.
func (g *guest) prepare() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	modules, err := filepath.Glob("/modules/*.ko") // numbered in the order of need
	if err != nil || len(modules) == 0 {
		return fmt.Errorf("no modules: %w", err)
	}
	for _, path := range modules {
		if err := insert(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	const node = "/dev/vport0p1"
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		// Blocking, so that a mark has reached the host when its write returns.
		fd, err := syscall.Open(node, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err == nil {
			g.port = os.NewFile(uintptr(fd), node)
			return nil
		}
		if time.Since(began) > hang {
			return fmt.Errorf("%s: %w", node, err)
		}
	}
}

func insert(module string) error {
	b, err := os.ReadFile(module)
	if err != nil {
		return err
	}
	params := []byte{0}
	_, _, errno := syscall.Syscall(syscall.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&params[0])))
	if errno != 0 && errno != syscall.EEXIST {
		return errno
	}
	return nil
}

func (g *guest) do(e errand, a *answer) error {
	switch e.Do {
	case "mount":
		return mount(e.Device)
	case "unmount":
		return syscall.Unmount(guestDisk, 0)
	case "map":
		sectors, err := sectorsOf(e.Device)
		if err == nil {
			a.Node, err = dmDevice(e.Name, sectors, e.Kind, e.params())
		}
		return err
	case "remap":
		sectors, err := sectorsOf(e.Device)
		if err != nil {
			return err
		}
		return dmTable(e.Name, sectors, e.Kind, e.params())
	case "unmap":
		return dmGone(e.Name)
	case "agent":
		return g.start(e.Load)
	case "wait":
		err := g.agent.Wait()
		a.Ended = g.agent.ProcessState.String()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = nil
		}
		return err
	case "judge":
		a.judge(e.Job)
		return nil
	case "state":
		return g.state(e, a)
	}
	return errors.New("no such errand")
}

// mount fails unless the kernel takes the device for a good ext4: the folder beneath
// is in memory, and a store there would prove nothing.
func mount(node string) error {
	if err := os.MkdirAll(guestDisk, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount(node, guestDisk, "ext4", 0, "errors=remount-ro"); err != nil {
		return fmt.Errorf("%s: %w", node, err)
	}
	return os.MkdirAll(guestDir, 0o700)
}

func (g *guest) start(l load) error {
	w, err := json.Marshal(l)
	if err != nil {
		return err
	}
	g.agent = exec.Command("/proc/self/exe")
	g.agent.Env = append(os.Environ(), role+"=agent", roleWork+"="+string(w))
	g.agent.Stdout, g.agent.Stderr = g.port, os.Stderr
	return g.agent.Start()
}

// judge opens the store in this process: when it dies the machine does, and the
// host notices.
func (a *answer) judge(j job) {
	if j.Die {
		os.Exit(7)
	}
	before, err := os.ReadDir(j.Dir)
	for _, f := range before {
		a.Before = append(a.Before, f.Name())
	}
	a.Finding = judged(j)
	a.Finding.check("list the folder", err)
	aside, err := filepath.Glob(filepath.Join(j.Dir, "corrupt-*"))
	a.Aside = len(aside)
	a.Finding.check("list what was set aside", err)
}

// sectorsOf is the size of a block device in sectors of 512 bytes.
func sectorsOf(node string) (n uint64, err error) {
	b, err := os.ReadFile("/sys/class/block/" + filepath.Base(node) + "/size")
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(strings.TrimSpace(string(b)), &n)
	return n, err
}
