package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// task is what a child process does. Memory and a killed store can only be seen in
// a process of its own.
type task struct {
	Name    string // "fill", "open", "drain", "rate", "probe" or "commits"
	Dir     string
	Device  device
	Count   int    // readings, or commits
	Group   int    // readings per commit
	Append  bool   // append before the file is open
	Kill    bool   // end without closing anything
	Mark    string // to remove before and after what is traced
	Recycle bool   // fill and drain first
	Layout  string // to drain, for "rate"
}

// answer is what a child found.
type answer struct {
	Ready, Taken float64 // s from the start of the store to an open file, and to the first Append that returned
	Base         memory  // before the store was made
	Idle         memory  // once it is open
	Peak         memory  // the most while draining
	Drained      memory  // at the end of it
	Rate         float64 // readings drained a second
	Freshly      paced   // commits after the drain
	FileEmpty    int64   // size of the file when it was empty
	Shrunk       float64 // s until it was small enough
	FileEnd      int64
	IOPS         float64
	Bytes        int64 // the device was given
	OwnSyncs     int64 // of the benchmark, not of the store
	Commits      uint64
	Written      int64 // as the store estimates it
}

// memory of a process, in bytes.
type memory struct{ RSS, Anon, File int64 }

// run starts a child, puts it under the throttle when there is one, and returns
// its answer. With trace its system calls go to that file.
func (b *bench) run(t task, limit *throttle, trace string) (answer, error) {
	spec, err := json.Marshal(t)
	if err != nil {
		return answer{}, err
	}
	args := []string{"-child", string(spec)}
	name, err := os.Executable()
	if err != nil {
		return answer{}, err
	}
	if trace != "" {
		args = append([]string{"-f", "-o", trace, "-e", "trace=fsync,fdatasync,sync_file_range,msync,pwrite64,write,unlinkat", "-s", "96", name}, args...)
		name = "strace"
	}
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return answer{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return answer{}, err
	}
	if err := cmd.Start(); err != nil {
		return answer{}, err
	}
	if limit != nil {
		if err := limit.add(cmd.Process.Pid); err != nil {
			return answer{}, errors.Join(err, in.Close(), cmd.Wait())
		}
	}
	if _, err := io.WriteString(in, "go\n"); err != nil {
		return answer{}, errors.Join(err, cmd.Wait())
	}
	var a answer
	err = json.NewDecoder(out).Decode(&a)
	ended := cmd.Wait()
	if state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && t.Kill && state.Signaled() && state.Signal() == syscall.SIGKILL {
		ended = nil
	}
	if err = errors.Join(err, ended); err != nil {
		return a, fmt.Errorf("child %s: %w", t.Name, err)
	}
	return a, nil
}

// beChild is the other end of run: it waits for its word, works and answers.
func beChild(spec string, in io.Reader, out io.Writer) error {
	var t task
	if err := json.Unmarshal([]byte(spec), &t); err != nil {
		return err
	}
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return err
	}
	work := map[string]func(task) (answer, *queue, error){
		"fill": childFill, "open": childOpen, "drain": childDrain, "rate": childRate, "probe": childProbe, "commits": childCommits,
	}[t.Name]
	if work == nil {
		return flag.ErrHelp
	}
	a, q, err := work(t)
	if err != nil {
		return err
	}
	if t.Kill {
		if err := json.NewEncoder(out).Encode(a); err != nil {
			return err
		}
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if q != nil {
		if err := q.close(); err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(a)
}

// readMemory reads what /proc/self/status says; the peak is since resetPeak.
func readMemory(peak bool) (memory, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return memory{}, err
	}
	defer f.Close()
	var m memory
	want := map[string]*int64{"VmRSS:": &m.RSS, "RssAnon:": &m.Anon, "RssFile:": &m.File}
	if peak {
		want = map[string]*int64{"VmHWM:": &m.RSS}
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var key, kb string
		if _, err := fmt.Sscan(lines.Text(), &key, &kb); err != nil {
			continue // lines without a value are not wanted
		}
		if into := want[key]; into != nil {
			n, err := strconv.ParseInt(kb, 10, 64)
			if err != nil {
				return m, err
			}
			*into = n << 10
		}
	}
	return m, lines.Err()
}

// resetPeak makes the kernel count the peak anew.
func resetPeak() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
