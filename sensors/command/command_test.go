package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"fieldpost/sensors"
)

// TestMain makes the test's own program the user's: with FIELDPOST_ACT unset by
// the clean environment, what it does is its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "act" {
		act(os.Args[2:])
		return
	}
	os.Exit(m.Run())
}

func act(args []string) {
	switch args[0] {
	case "print":
		fmt.Print(args[1])
	case "fail":
		fmt.Fprintln(os.Stderr, "no meter\x1b[31m\nsecond line")
		os.Exit(3)
	case "flood":
		for {
			if _, err := fmt.Println(strings.Repeat("x", 1000)); err != nil {
				return
			}
		}
	case "hang":
		wait := make(chan os.Signal, 1)
		signal.Notify(wait)
		<-wait
	case "leave":
		self, _ := os.Executable()
		left := exec.Command(self, "act", "hang")
		left.Stdout = os.Stdout
		if err := left.Start(); err != nil {
			os.Exit(1)
		}
		fmt.Fprintln(os.Stderr, left.Process.Pid)
		os.Exit(1)
	case "environment":
		fmt.Printf("{\"variables\": %d}", len(os.Environ()))
		for _, e := range os.Environ() {
			if name, _, _ := strings.Cut(e, "="); name != "PATH" && name != "LANG" && name != "TZ" {
				fmt.Fprintln(os.Stderr, "got", name)
				os.Exit(1)
			}
		}
	}
}

func sense(t *testing.T, opt Options, args ...string) ([]sensors.Value, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opt.Program = append([]string{self, "act"}, args...)
	src, err := Open(opt)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return src.Sense(t.Context())
}

func TestValues(t *testing.T) {
	vs, err := sense(t, Options{}, "print", `{"b": 1.5, "a": {"value": -2e3, "unit": "l/min", "age": 3.5}, "on": true, "off": false, "gone": null}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []sensors.Value{
		{Name: "b", Unit: "1", Num: 1.5},
		{Name: "a", Unit: "l/min", Num: -2000, Age: 3500 * time.Millisecond},
		{Name: "on", Unit: "1", Num: 1},
		{Name: "off", Unit: "1"},
		{Name: "gone", Unit: "1", Quality: sensors.Bad, Reason: "null"},
	}
	if fmt.Sprint(vs) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", vs, want)
	}
}

func TestWhatIsNoReading(t *testing.T) {
	many := "{"
	for i := range MaxValues + 1 {
		many += fmt.Sprintf("\"v%d\": 1,", i)
	}
	for printed, want := range map[string]string{
		"":                                  "no JSON object",
		"21.5":                              "no JSON object",
		`[1]`:                               "no JSON object",
		`{"a": 1`:                           "broken JSON",
		`{"a": }`:                           "broken JSON",
		`{"a": 1} {"b": 1}`:                 "more than one",
		`{"a": "1"}`:                        "a is not a number",
		`{"a": [1]}`:                        "a is not a number",
		`{"a": {"unit": "m"}}`:              "a is not an object with value",
		`{"a": {"value": 1, "age": -1}}`:    "a is not an object with value",
		`{"a": {"value": {}}}`:              "a is not a number",
		`{"a b": 1}`:                        "not a name",
		`{"": 1}`:                           "not a name",
		`{"a": 1, "a": 2}`:                  "a is there twice",
		strings.TrimSuffix(many, ",") + "}": "more than 64 values",
	} {
		if vs, err := decode([]byte(printed)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, %v, want %q", printed, vs, err, want)
		}
	}
}

func TestProgramsThatMisbehave(t *testing.T) {
	for _, c := range []struct{ act, want string }{
		{"fail", "exit status 3: no meter"},
		{"flood", "more than 16384 bytes"},
		{"hang", "took longer than 1s"},
	} {
		vs, err := sense(t, Options{Timeout: time.Second}, c.act)
		var h interface{ Hint() string }
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\x1b\n") || !errors.As(err, &h) {
			t.Errorf("%s: %v, %v", c.act, vs, err)
		}
	}
}

// A program that goes and leaves another one behind does not get the sample to
// wait for that one, which is ended.
func TestProgramLeftBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process groups")
	}
	_, err := sense(t, Options{}, "leave")
	if err == nil || strings.Contains(err.Error(), "took longer") {
		t.Fatal(err)
	}
	fields := strings.Fields(err.Error())
	pid, bad := strconv.Atoi(fields[len(fields)-1])
	if bad != nil {
		t.Fatal(err)
	}
	left, _ := os.FindProcess(pid)
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		runtime.Gosched()
	}
	_ = left.Kill()
	t.Error("what was left behind lives on")
}

// Nothing of the agent's environment reaches the program: it may hold secrets.
func TestEnvironment(t *testing.T) {
	t.Setenv("FIELDPOST_SECRET", "x")
	if _, err := sense(t, Options{}, "environment"); err != nil {
		t.Error(err)
	}
}

func TestNoProgram(t *testing.T) {
	for _, program := range [][]string{nil, {filepath.Join(t.TempDir(), "none")}, {t.TempDir()}} {
		if _, err := Open(Options{Program: program})(t.Context()); err == nil {
			t.Errorf("%q was opened", program)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"b": 1.5, "a": {"value": -2e3, "unit": "l/min", "age": 3.5}, "gone": null}`))
	f.Add([]byte(`{"a":{"value":{}},"b":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		vs, err := decode(text)
		if err == nil && len(vs) > MaxValues {
			t.Fatalf("%d values", len(vs))
		}
		for _, v := range vs {
			if !named(v.Name) || v.Age < 0 {
				t.Fatalf("%+v", v)
			}
		}
	})
}
