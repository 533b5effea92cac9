// Package command asks a program of the user's: it prints one JSON object, such as
//
//	{"level": 1.93, "flow": {"value": 0.2, "unit": "l/min", "age": 3.5}, "pump": true}
//
// whose members are the values of a sample, in their order: numbers, true and
// false as 1 and 0, or objects with value, unit (UCUM, default "1") and age in
// seconds. What is null is bad, "null".
//
// # Limits
//
// The program is started for each sample, without a shell, with nothing to read
// and an environment of PATH, LANG and TZ alone. It has [Options].Timeout for it,
// [MaxOutput] bytes and [MaxValues] values; one that exceeds them is killed, with
// the programs it started where the platform has process groups. It runs as the
// agent's user.
package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"fieldpost/sensors"
)

const (
	// MaxOutput bounds what a program may print, in bytes.
	MaxOutput = 16 << 10
	// MaxValues bounds how many values a sample has.
	MaxValues = 64
	// DefaultTimeout and MaxTimeout stay below the deadline of a sampler.
	DefaultTimeout = 3 * time.Second
	MaxTimeout     = 4 * time.Second

	maxName   = 64
	maxStderr = 200
	// drain is how long what was printed may take to be read after the end.
	drain = 200 * time.Millisecond
)

// Options says what is run.
type Options struct {
	Program []string      // path and arguments
	Timeout time.Duration // of one run; default DefaultTimeout
}

// Open returns an opener for a program. It fails when there is none.
func Open(opt Options) sensors.Opener {
	if opt.Timeout == 0 {
		opt.Timeout = DefaultTimeout
	}
	return func(context.Context) (sensors.Source, error) {
		if len(opt.Program) == 0 {
			return nil, errors.New("command: no program")
		}
		if is, err := os.Stat(opt.Program[0]); err != nil || is.IsDir() {
			if err == nil {
				err = fmt.Errorf("%s is a folder", opt.Program[0])
			}
			return nil, &failure{fmt.Errorf("command: %w", err), "check sensor.program"}
		}
		return source(opt), nil
	}
}

// failure is an error that knows the technician's next move.
type failure struct {
	err  error
	hint string
}

func (e *failure) Error() string { return e.err.Error() }
func (e *failure) Unwrap() error { return e.err }
func (e *failure) Hint() string  { return e.hint }

type source Options

// Close implements sensors.Source.
func (source) Close() error { return nil }

// Sense implements sensors.Source.
func (s source) Sense(ctx context.Context) ([]sensors.Value, error) {
	printed, err := s.run(ctx)
	if err != nil {
		return nil, &failure{fmt.Errorf("command: %s: %w", s.Program[0], err), "run the program by hand as the agent's user, who must be allowed to (chmod +x)"}
	}
	vs, err := decode(printed)
	if err != nil {
		return nil, &failure{fmt.Errorf("command: %s: %w", s.Program[0], err), `the program must print one object such as {"level": 1.93}`}
	}
	return vs, nil
}

// run returns what the program printed. Package os/exec would do as well and
// weighs more than all drivers.
func (s source) run(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	out, complaint := &limited{left: MaxOutput, full: cancel}, &limited{left: maxStderr}
	state, err := s.start(ctx, out, complaint)
	switch {
	case err != nil:
		return nil, err
	case out.over:
		return nil, fmt.Errorf("printed more than %d bytes", MaxOutput)
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return nil, fmt.Errorf("took longer than %v", s.Timeout)
	case !state.Success():
		return nil, errors.New(strings.TrimSuffix(state.String()+": "+line(complaint.b.String()), ": "))
	}
	return out.b.Bytes(), nil
}

// start runs the program until it ends or ctx does, and lets it print into two
// writers.
func (s source) start(ctx context.Context, outs ...io.Writer) (*os.ProcessState, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attr := &os.ProcAttr{Files: []*os.File{null}, Env: environment(), Sys: group()}
	var from []*os.File
	for range outs {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		defer w.Close()
		from, attr.Files = append(from, r), append(attr.Files, w)
	}
	process, err := os.StartProcess(s.Program[0], s.Program, attr)
	if err != nil {
		return nil, err
	}
	var printing sync.WaitGroup
	for i, r := range from {
		_ = attr.Files[i+1].Close()
		printing.Go(func() { _, _ = io.Copy(outs[i], r) })
	}
	stop := context.AfterFunc(ctx, func() { kill(process) })
	state, err := process.Wait()
	stop()
	endGroup(process)
	for _, r := range from {
		_ = r.SetReadDeadline(time.Now().Add(drain))
	}
	printing.Wait()
	return state, err
}

// environment is what a program gets of the agent's.
func environment() (env []string) {
	for _, name := range []string{"PATH", "LANG", "TZ"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// limited keeps as much as it may.
type limited struct {
	b    bytes.Buffer
	left int
	over bool
	full func() // called when there is more; nil = nothing
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.b.Write(p[:n])
	l.left -= n
	if n < len(p) && !l.over {
		l.over = true
		if l.full != nil {
			l.full()
		}
	}
	return len(p), nil
}

// line makes one harmless line of what a program said.
func line(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, first)
}

// decode reads one object, in the order it was written.
func decode(text []byte) ([]sensors.Value, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("printed no JSON object")
	}
	var vs []sensors.Value
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("printed broken JSON: %w", err)
		}
		name, _ := token.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("printed broken JSON: %w", err)
		}
		switch {
		case !named(name):
			return nil, fmt.Errorf("%.70q is not a name: letters, digits, - and _, at most %d", name, maxName)
		case seen[name]:
			return nil, fmt.Errorf("%s is there twice", name)
		case len(vs) == MaxValues:
			return nil, fmt.Errorf("printed more than %d values", MaxValues)
		}
		seen[name] = true
		v, err := valueOf(name, raw)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("printed broken JSON: %w", err)
	}
	if d.More() {
		return nil, errors.New("printed more than one JSON object")
	}
	return vs, nil
}

// valueOf reads one member.
func valueOf(name string, raw json.RawMessage) (sensors.Value, error) {
	v := sensors.Value{Name: name, Unit: "1"}
	if raw[0] == '{' {
		var full struct {
			Value json.RawMessage `json:"value"`
			Unit  string          `json:"unit"`
			Age   float64         `json:"age"`
		}
		if err := json.Unmarshal(raw, &full); err != nil || len(full.Value) == 0 || full.Age < 0 || full.Age > 1e9 || len(full.Unit) > maxName {
			return v, fmt.Errorf("%s is not an object with value, unit and age", name)
		}
		v.Unit, v.Age, raw = cmp.Or(full.Unit, v.Unit), time.Duration(full.Age*float64(time.Second)), full.Value
	}
	switch text := string(raw); text {
	case "null":
		v.Quality, v.Reason = sensors.Bad, "null"
	case "true":
		v.Num = 1
	case "false":
	default:
		num, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return v, fmt.Errorf("%s is not a number, true, false or null", name)
		}
		v.Num = num
	}
	return v, nil
}

func named(s string) bool {
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	return s != "" && len(s) <= maxName && strings.IndexFunc(s, bad) < 0
}
