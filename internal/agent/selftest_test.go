package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/board/boardsim"
	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

const trialHardware = `
[[bus]]
name = "cabinet"
device = "/dev/i2c-1"
[[sensor]]
name = "climate"
source = "bme280"
bus = "cabinet"
address = 0x76
[[output]]
name = "fan"
line = "GPIO17"
`

// trial makes a trial of a configuration on a simulated board.
func trial(t *testing.T, text string, change func(*config.Config, *Parts)) *Trial {
	t.Helper()
	cfg := load(t, text)
	sim := boardsim.NewDemoBoard(1)
	parts := Parts{Buses: sim, Lines: sim, Clock: clock.NewFake(time.Now())}
	if change != nil {
		change(cfg, &parts)
	}
	return NewTrial(cfg, parts, t.TempDir())
}

// find runs the checks in order and returns what came of the one of that name.
func find(t *testing.T, checks []Check, name string) Finding {
	t.Helper()
	for _, c := range checks {
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		f := c.Run(ctx)
		cancel()
		if c.Name == name {
			return f
		}
	}
	t.Fatalf("no check %q", name)
	return Finding{}
}

func want(t *testing.T, f Finding, state, detail, hint string) {
	t.Helper()
	if f.State != state || !strings.Contains(f.Detail, detail) || !strings.Contains(f.Hint, hint) {
		t.Errorf("%s %q, hint %q: want %s with %q, hint %q", f.State, f.Detail, f.Hint, state, detail, hint)
	}
}

func TestTrialOfTheBoard(t *testing.T) {
	for name, c := range map[string]struct {
		throttled string // as the firmware has it; "" = it cannot be asked
		heat      string // of the processor, in thousandths of a degree
		want      [3]string
	}{
		"nothing is told":   {"", "", [3]string{Skipped, "does not tell how its supply is", ""}},
		"well":              {"0x0", "40000", [3]string{Passed, "its supply, temperature and card are well", ""}},
		"undervoltage":      {"0x50005", "", [3]string{Failed, "supply voltage is too low", "the supply made for the board"}},
		"undervoltage once": {"0x50000", "", [3]string{Passed, "supply voltage was too low since boot", "the supply made for the board"}},
		"throttled":         {"0x4", "", [3]string{Failed, "processor is throttled", "give it air or a heat sink, or the supply made for the board"}},
		"hot":               {"0x0", "86000", [3]string{Failed, "processor is at 86 °C", "give it air"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range map[string]string{
				"sys/devices/platform/soc/soc:firmware/get_throttled": c.throttled,
				"sys/class/thermal/thermal_zone0/temp":                c.heat,
				"sys/class/thermal/thermal_zone0/type":                "cpu-thermal",
			} {
				path = filepath.Join(root, path)
				if text == "" {
					continue
				}
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text+"\n"), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			tr := trial(t, "", func(_ *config.Config, p *Parts) { p.Root = root })
			want(t, find(t, tr.Board(), "board"), c.want[0], c.want[1], c.want[2])
		})
	}
}

func TestTrialOfClock(t *testing.T) {
	for trust, c := range map[clock.Trust][3]string{
		clock.TrustNone:      {Failed, "the clock is behind", "NTP"},
		clock.TrustPlausible: {Passed, "nothing vouches", "NTP"},
		clock.TrustSynced:    {Passed, "synchronised", ""},
	} {
		tr := trial(t, "", func(_ *config.Config, p *Parts) {
			f := clock.NewFake(time.Now())
			f.SetTrust(trust)
			p.Clock = f
		})
		want(t, find(t, tr.Files(), "clock"), c[0], c[1], c[2])
	}
}

func TestTrialOfFiles(t *testing.T) {
	tr := trial(t, "[hub]\nconnection_string_file = \"nowhere\"\n", nil)
	want(t, find(t, tr.Files(), "files"), Failed, "hub.connection_string_file", "copy the device's")
	// Without a clock the files are judged all the same, and the clock is no fault of theirs.
	tr = trial(t, "[hub]\nconnection_string_file = \"key\"\n", func(cfg *config.Config, p *Parts) {
		secret := "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0\n"
		if err := os.WriteFile(cfg.Hub.ConnectionStringFile, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		f := clock.NewFake(time.Unix(0, 0))
		f.SetTrust(clock.TrustNone)
		p.Clock = f
	})
	want(t, find(t, tr.Files(), "files"), Passed, "", "")
}

func TestTrialOfHardware(t *testing.T) {
	tr := trial(t, trialHardware, nil)
	want(t, find(t, tr.Hardware(), "bus cabinet"), Passed, "1 sensor on it", "")
	want(t, find(t, tr.Hardware(), "sensor climate"), Passed, "temperature", "")

	tr = trial(t, trialHardware, func(_ *config.Config, p *Parts) { p.Buses = boardsim.New(boardsim.Options{}) })
	want(t, find(t, tr.Hardware(), "bus cabinet"), Failed, "open /dev/i2c-1", "dtparam=i2c_arm=on")
	want(t, find(t, tr.Hardware(), "sensor climate"), Skipped, "waiting for bus cabinet", "")

	tr = trial(t, trialHardware, func(_ *config.Config, p *Parts) {
		p.Buses = boardsim.New(boardsim.Options{Buses: []*boardsim.Bus{boardsim.NewBus("/dev/i2c-1", nil)}})
	})
	want(t, find(t, tr.Hardware(), "bus cabinet"), Passed, "", "")
	want(t, find(t, tr.Hardware(), "sensor climate"), Failed, "0x76", "check")
}

// A counter keeps its number in the state folder of the agent: a trial must not.
func TestTrialLeavesTheStateFolderAlone(t *testing.T) {
	tr := trial(t, "[[sensor]]\nname = \"pulses\"\nsource = \"counter\"\nline = \"GPIO4\"\n", func(_ *config.Config, p *Parts) {
		p.Inputs = boardsim.NewDemoBoard(1)
	})
	want(t, find(t, tr.Hardware(), "sensor pulses"), Passed, "", "")
	if f := find(t, tr.Store(), "store"); f.State != Passed {
		t.Error(f)
	}
	if left, err := os.ReadDir(tr.agent.cfg.Agent.StateDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state folder: %v, %v", left, err)
	}
}

func TestJudgeSensor(t *testing.T) {
	answer := func(v ...diag.Value) diag.Sensors {
		return diag.Sensors{Sensors: []diag.Sensor{{Name: "s", Last: &diag.Reading{Values: v}}}}
	}
	good := diag.Value{Name: "temperature", Unit: "Cel", Value: 21, Quality: "good"}
	odd := diag.Value{Name: "humidity", Unit: "%", Value: 104, Quality: "suspect", Reason: "out-of-range"}
	bad := diag.Value{Name: "pressure", Quality: "bad", Reason: "not-a-number"}
	want(t, JudgeSensor(answer(good, odd, bad), nil), Passed, "temperature 21 Cel, humidity 104 % suspect: out-of-range, pressure bad: not-a-number", "")
	want(t, JudgeSensor(answer(bad), nil), Failed, "pressure bad", "wires")
	want(t, JudgeSensor(answer(), nil), Failed, "without a value", "wires")
	want(t, JudgeSensor(diag.Sensors{}, errors.New("no answer")), Failed, "no answer", "wires")
}

func TestTrialThroughARunningAgent(t *testing.T) {
	cfg := load(t, trialHardware+"[[bus]]\nname = \"spare\"\ndevice = \"/dev/i2c-3\"\n")
	good := func(context.Context, string) (diag.Sensors, error) {
		return diag.Sensors{Sensors: []diag.Sensor{{Last: &diag.Reading{Values: []diag.Value{{Name: "t", Value: 1, Quality: "good"}}}}}}, nil
	}
	want(t, find(t, AskedSensors(cfg, good), "bus cabinet"), Passed, "1 of 1 sensor", "")
	want(t, find(t, AskedSensors(cfg, good), "bus spare"), Skipped, "no sensor", "")
	broken := func(context.Context, string) (diag.Sensors, error) { return diag.Sensors{}, errors.New("hung") }
	want(t, find(t, AskedSensors(cfg, broken), "bus cabinet"), Failed, "no sensor on it", "")
}

func TestTrialOfOutputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := &flaky{Board: boardsim.New(boardsim.Options{})}
		fan := func(change func(*config.Output)) *Trial {
			return trial(t, trialHardware, func(cfg *config.Config, p *Parts) {
				p.Lines = sim
				change(&cfg.Outputs[0])
			})
		}
		plain := fan(func(*config.Output) {})
		began := time.Now()
		want(t, find(t, plain.Outputs([]string{"fan"}), "output fan"), Passed, "was on for 0.5 s and is off again", "")
		if on, driven := sim.Level("GPIO17"); on || !driven || time.Since(began) < testPulse {
			t.Errorf("on %v, driven %v after %v", on, driven, time.Since(began))
		}
		want(t, find(t, plain.Outputs([]string{"fun"}), "output fun"), Failed, `no output "fun"`, "fan")
		want(t, find(t, fan(func(o *config.Output) { o.MinOn = time.Minute }).Outputs([]string{"fan"}), "output fan"), Skipped, "for 1 min", "output.set")

		// Interrupted, it is at its safe level all the same.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		slow := fan(func(o *config.Output) { o.Safe, o.MinOff = true, 20*time.Second })
		want(t, slow.Outputs([]string{"fan"})[0].Run(ctx), Failed, "deadline", "")
		if on, _ := sim.Level("GPIO17"); !on {
			t.Error("not back at its safe level")
		}

		sim.set = errors.New("stuck")
		want(t, find(t, plain.Outputs([]string{"fan"}), "output fan"), Failed, "not back at its safe level", "now")
		sim.take = os.ErrPermission
		want(t, find(t, plain.Outputs([]string{"fan"}), "output fan"), Failed, "take line", "")
	})
}

func TestTrialOfStore(t *testing.T) {
	tr := trial(t, "", nil)
	want(t, find(t, tr.Store(), "store"), Passed, "200 records", "")
	want(t, find(t, tr.Store(), "space"), Passed, "free on", "")
	if err := os.WriteFile(filepath.Join(tr.scratch, "blocked"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tr.scratch = filepath.Join(tr.scratch, "blocked") // a file: no folder can be made in it
	want(t, find(t, tr.Store(), "store"), Failed, "write to", "disk")

	tr = trial(t, "", func(cfg *config.Config, _ *Parts) { cfg.Store.Headroom = 1 << 60 })
	want(t, find(t, tr.Store(), "space"), Failed, "less than store.headroom", "free the disk")
}

// serving runs a hub and returns a trial of a device that it knows.
func serving(t *testing.T, extra string, change func(secret string, cfg *config.Config) string) *Trial {
	t.Helper()
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddDevice("gw"); err != nil {
		t.Fatal(err)
	}
	secret, err := h.DeviceConnectionString("gw")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return trial(t, "[hub]\nconnection_string_file = \"key\"\nca_file = \"ca\"\n"+extra, func(cfg *config.Config, _ *Parts) {
		if change != nil {
			secret = change(secret, cfg)
		}
		for path, text := range map[string][]byte{cfg.Hub.ConnectionStringFile: []byte(secret), filepath.Join(filepath.Dir(cfg.Hub.ConnectionStringFile), "ca"): h.CAPEM()} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTrialOfTheWay(t *testing.T) {
	tr := serving(t, "", nil)
	checks := append(tr.Way(), tr.Admission())
	want(t, find(t, checks, "name"), Passed, "localhost", "")
	want(t, find(t, checks, "way"), Passed, "websocket to localhost", "")
	want(t, find(t, checks, "token"), Passed, "for gw, until", "")
	want(t, find(t, checks, "hub"), Passed, "lets gw in over amqp", "")
}

func TestTrialOfAWrongKey(t *testing.T) {
	tr := serving(t, "", func(secret string, _ *config.Config) string {
		head, _, _ := strings.Cut(secret, "SharedAccessKey=")
		return head + "SharedAccessKey=d3Jvbmd3cm9uZ3dyb25nd3Jvbmc="
	})
	checks := append(tr.Way(), tr.Admission())
	want(t, find(t, checks, "token"), Passed, "", "")
	f := find(t, checks, "hub")
	want(t, f, Failed, "401", "check the key")
	if strings.Contains(f.Detail, "d3Jvbmc") {
		t.Error("the key is shown")
	}
}

func TestTrialOfAWrongAuthority(t *testing.T) {
	tr := serving(t, "", func(secret string, cfg *config.Config) string {
		cfg.Hub.CAFile = ""
		return secret
	})
	want(t, find(t, tr.Way(), "way"), Failed, "certificate signed by unknown authority", "wrong CA")
}

func TestTrialOfNothingThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	to := func(host string) func(string, *config.Config) string {
		return func(string, *config.Config) string {
			return "HostName=" + host + ";DeviceId=gw;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0"
		}
	}
	tr := serving(t, "", to(addr))
	want(t, find(t, tr.Way(), "name"), Skipped, "is an address", "")
	want(t, find(t, tr.Way(), "way"), Failed, "amqp: dial "+addr, "refuses")
	want(t, find(t, []Check{tr.Admission()}, "hub"), Failed, "refused", "firewall")
	// No name server is asked for this.
	tr = serving(t, "", to("no..name"))
	want(t, find(t, tr.Way(), "name"), Failed, "no..name", "check cable")
	tr = serving(t, "proxy = \"http://no..proxy:3128\"\n", nil)
	want(t, find(t, tr.Way(), "name"), Failed, "no..proxy", "name of the proxy")
	want(t, find(t, tr.Way(), "way"), Failed, "proxy no..proxy:3128", "the proxy is not reached")
}

func TestTrialOfATokenThatEnded(t *testing.T) {
	tr := serving(t, "sas_token_file = \"token\"\n", func(secret string, cfg *config.Config) string {
		text := "SharedAccessSignature sr=localhost%2Fdevices%2Fgw&sig=c2ln&se=1700000000"
		if err := os.WriteFile(cfg.Hub.SASTokenFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return secret
	})
	want(t, find(t, tr.Way(), "token"), Failed, "ended on 2023-11-14", "new token")
}

func TestTrialWithoutAHub(t *testing.T) {
	want(t, find(t, trial(t, "", nil).Way(), "hub"), Failed, "no hub is configured", "set hub.connection_string_file")
	tr := trial(t, "[hub]\nconnection_string_file = \"nowhere\"\n", nil)
	for _, name := range []string{"name", "way", "token"} {
		want(t, find(t, tr.Way(), name), Skipped, "no identity", "")
	}
	want(t, find(t, []Check{tr.Admission()}, "hub"), Failed, "nowhere", "")
}
