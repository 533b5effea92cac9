//go:build linux && proof

package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// jury keeps one judge at work and takes another when it dies.
type jury struct {
	t    testing.TB
	as   string // role of the judges; default "judge"
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	err  *bytes.Buffer
	died int
}

func newJury(t testing.TB) *jury {
	j := &jury{t: t, as: "judge"}
	t.Cleanup(j.dismiss)
	return j
}

func (j *jury) call() {
	j.t.Helper()
	cmd := child(j.t, j.as, nil)
	in, err := cmd.StdinPipe()
	if err != nil {
		j.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		j.t.Fatal(err)
	}
	j.err = new(bytes.Buffer)
	cmd.Stderr = j.err
	if err := cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	j.cmd, j.in, j.out = cmd, in, bufio.NewReader(out)
}

func (j *jury) dismiss() {
	if j.cmd != nil {
		j.in.Close()
		j.cmd.Process.Kill()
		j.cmd.Wait()
		j.cmd = nil
	}
}

// judge opens one folder. When the judge dies over it, or does not come to an end,
// the finding is nil and how says why.
func (j *jury) judge(w job) (f *finding, how string) {
	j.t.Helper()
	if j.cmd == nil {
		j.call()
	}
	line, err := json.Marshal(w)
	if err != nil {
		j.t.Fatal(err)
	}
	var stuck atomic.Bool
	timer := time.AfterFunc(5*hang, func() {
		stuck.Store(true)
		j.cmd.Process.Signal(syscall.SIGQUIT) // shows where it hangs
	})
	_, err = j.in.Write(append(line, '\n'))
	var answer []byte
	if err == nil {
		answer, err = j.out.ReadBytes('\n')
	}
	timer.Stop()
	f = &finding{}
	if err == nil {
		err = json.Unmarshal(answer, f)
	}
	if err == nil {
		return f, ""
	}
	j.in.Close()
	werr := j.cmd.Wait()
	how = "the process died: "
	if stuck.Load() {
		how = "the process hangs: "
	}
	if werr != nil {
		how += werr.Error()
	}
	j.cmd = nil
	j.died++
	return nil, how + "\n" + head(j.err.String(), 12)
}

func head(s string, lines int) string {
	l := strings.SplitN(s, "\n", lines+1)
	if len(l) > lines {
		l = l[:lines]
	}
	return strings.Join(l, "\n")
}

// TestDeathIsNoticed: a judge that dies is not taken for one that found nothing.
func TestDeathIsNoticed(t *testing.T) {
	j := newJury(t)
	if f, how := j.judge(job{Die: true}); f != nil || j.died != 1 || !strings.Contains(how, "exit status 7") {
		t.Errorf("%+v, %d died, %q", f, j.died, how)
	}
	if f, how := j.judge(job{Dir: t.TempDir()}); f == nil || len(f.Faults) > 0 {
		t.Errorf("a judge after that: %+v, %s", f, how)
	}
}
