//go:build linux && proof

package crash

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// event is one finished system call of a traced process that may change a file, or
// one mark.
type event struct {
	entry, exit int // lines of the trace at which it began and ended
	call        string
	args        []arg
	result      string // as printed; "?" when the process died in the call: it may have had its effect
	line        string // for a mark: the text
}

// arg is one argument: a number or word, a string, or a descriptor with its path.
type arg struct {
	word string
	text []byte // of a quoted string
	path string // of a descriptor
}

// traced are the calls that change files or make them durable. A store that
// begins to use one the simulated disk does not know fails the proof.
const traced = "?open,openat,?creat,write,pwrite64,writev,pwritev,?pwritev2,ftruncate,?truncate,?fallocate,fsync,fdatasync," +
	"?sync_file_range,?syncfs,?sync,?rename,renameat,?renameat2,?unlink,unlinkat,?rmdir,?mkdir,mkdirat,?link,linkat,?symlink,symlinkat," +
	"?copy_file_range,?sendfile,?splice,mmap,lseek,?ftruncate64,?truncate64,?mmap2,?_llseek"

// straced runs cmd under strace and returns what it did to files below root.
func straced(t testing.TB, cmd *exec.Cmd, root string) []event {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed: the real order of writes and syncs cannot be recorded")
	}
	file := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "67108864", "-e", "signal=none", "-e", "trace=" + traced, "-o", file, cmd.Path}, cmd.Args[1:]...)
	outer := exec.Command(strace, args...)
	outer.Env = cmd.Env
	var stderr limited
	outer.Stderr = &stderr
	err = outer.Run()
	if text := stderr.String(); strings.Contains(text, "PTRACE") || strings.Contains(text, "ptrace") {
		t.Skip("SKIPPED: processes may not be traced here: " + text)
	} else if err != nil && outer.ProcessState.ExitCode() > 0 {
		t.Fatalf("strace: %v: %s", err, text)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	events, err := parseTrace(f, root)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) == 0 {
		t.Fatalf("the trace is empty: %s", stderr.String())
	}
	return events
}

// parseTrace reads what strace -f -y -xx wrote.
func parseTrace(r io.Reader, root string) ([]event, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	type begun struct {
		line int
		text string
	}
	open := make(map[string]begun) // by process
	var events []event
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		pid, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		text = strings.TrimLeft(text, " ")
		entry := n
		switch b, was := open[pid]; {
		case strings.HasPrefix(text, "+++") && was: // it died in the call
			delete(open, pid)
			entry, text = b.line, b.text+") = ?"
		case strings.HasPrefix(text, "+++") || strings.HasPrefix(text, "---"):
			continue
		case strings.HasSuffix(text, "<unfinished ...>) = ?"):
			text = strings.TrimSuffix(text, "<unfinished ...>) = ?") + ") = ?"
		case strings.HasSuffix(text, "<detached ...>"):
			text = strings.TrimSuffix(text, "<detached ...>") + ") = ?"
		case strings.HasSuffix(text, "<unfinished ...>"):
			open[pid] = begun{n, strings.TrimSuffix(text, "<unfinished ...>")}
			continue
		case strings.HasPrefix(text, "<... "):
			_, rest, ok := strings.Cut(text, " resumed>")
			if b, was := open[pid]; ok && was {
				entry, text = b.line, b.text+rest
				delete(open, pid)
			} else {
				return nil, fmt.Errorf("trace line %d: %.80s: it did not begin", n, text)
			}
		}
		e, ok, err := parseCall(text)
		if err != nil {
			return nil, fmt.Errorf("trace line %d: %w", n, err)
		}
		// Of a call that a kill ended, strace may print the result of another.
		if n, err := strconv.Atoi(e.result); e.call == "pwrite64" && err == nil && n < len(e.args[1].text) {
			e.result = "?"
		}
		if !ok || e.result == "?" && e.syncs() {
			continue
		}
		e.entry, e.exit = entry, n
		if e.call == "write" && e.args[0].word == "1" {
			if e.result == "?" {
				continue // not said for certain
			}
			e = event{entry: entry, exit: n, line: string(e.args[1].text)}
			events = append(events, e)
			continue
		}
		if e.below(root) {
			events = append(events, e)
		}
	}
}

// below says whether e names anything in or below root, and makes its paths relative.
func (e *event) below(root string) bool {
	found := false
	for i := range e.args {
		a := &e.args[i]
		for _, p := range []string{a.path, string(a.text)} {
			if rel, err := filepath.Rel(root, p); p != "" && strings.HasPrefix(p, "/") && err == nil && !strings.HasPrefix(rel, "..") {
				a.path, a.text = rel, nil
				found = true
				break
			}
			if e.call == "write" || e.call == "pwrite64" {
				break // what is written is no path
			}
		}
		if i == 0 && !found && (e.call == "write" || e.call == "pwrite64") {
			return false
		}
	}
	return found
}

// parseCall reads one call; ok is false when it failed.
func parseCall(text string) (e event, ok bool, err error) {
	name, rest, found := strings.Cut(text, "(")
	if !found {
		return e, false, fmt.Errorf("no call: %.80s", text)
	}
	e.call = name
	for rest = strings.TrimLeft(rest, " "); ; {
		var a arg
		if a, rest, err = parseArg(rest); err != nil {
			return e, false, fmt.Errorf("%s: %w", name, err)
		}
		e.args = append(e.args, a)
		rest = strings.TrimLeft(rest, " ") // a call that was resumed has one before its end
		if strings.HasPrefix(rest, ",") {
			rest = strings.TrimLeft(rest[1:], " ")
			continue
		}
		break
	}
	rest, found = strings.CutPrefix(rest, ")")
	if !found {
		return e, false, fmt.Errorf("%s: no end at %.80q", name, rest)
	}
	_, result, found := strings.Cut(rest, "= ")
	if !found {
		return e, false, fmt.Errorf("%s: no result in %.80q", name, rest)
	}
	e.result, _, _ = strings.Cut(result, "<")
	e.result = strings.TrimSpace(e.result)
	return e, !strings.HasPrefix(result, "-1"), nil
}

func parseArg(s string) (a arg, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s[1:], '"')
		if end < 0 {
			return a, s, fmt.Errorf("open string: %.40s", s)
		}
		a.text, err = unhex(s[1 : 1+end])
		rest = s[end+2:]
		if strings.HasPrefix(rest, "...") {
			return a, rest, fmt.Errorf("a string was cut")
		}
		return a, rest, err
	}
	depth := 0
	for i := 0; ; i++ {
		if i == len(s) {
			a.word, rest = s, ""
			break
		}
		switch s[i] {
		case '[', '{', '(':
			depth++
			continue
		case ']', '}':
			depth--
			continue
		case ')':
			if depth > 0 {
				depth--
				continue
			}
		case ',':
			if depth > 0 {
				continue
			}
		default:
			continue
		}
		a.word, rest = strings.TrimRight(s[:i], " "), s[i:]
		break
	}
	if fd, path, ok := strings.Cut(a.word, "<"); ok {
		p, err := unhex(strings.TrimSuffix(path, ">"))
		if err == nil {
			a.word, a.path = fd, string(p)
		}
	}
	return a, rest, nil
}

func unhex(s string) ([]byte, error) {
	return hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
}

// number is an argument that strace prints as a number.
func (a arg) number() (int64, error) { return strconv.ParseInt(a.word, 0, 64) }
