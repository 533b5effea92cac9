package hub_test

import (
	"os"
	"strings"
	"testing"

	"fieldpost/hub"
)

// faultLines has a line of every fault, each as String writes it.
var faultLines = []string{
	"refuse how=fin count=3",
	"slow-accept by=3s",
	"gwv2",
	"gwv2 connection=2 how=bare-flow",
	"refuse-link devicebound device=gw1 condition=com.microsoft:iot-hub-suspended",
	"redirect to=127.0.0.1:5672",
	"reject device=gw1 condition=com.microsoft:device-container-throttled after=10 count=5",
	`reject telemetry twin condition=x:y description="two words" logged p=0.25 seed=7`,
	"release all every=3",
	"drop all after=3",
	"modify for=1m0s",
	"stateless unlogged",
	"no-answer every=30s",
	"delay by=3s p=0.2 seed=7",
	"drop-unanswered device=gw1/camera how=fin unlogged count=1",
	"throttle rate=10",
	"quota for=24h0m0s",
	"put-token slow=40s",
	`put-token device=gw1 status=401 description="no \"such\" key"`,
	"put-token never",
	"twin-reply device=gw1 status=429 count=3",
	"busy after=5s",
	"detach telemetry devicebound condition=amqp:resource-locked",
	"steal how=internal",
	"credit-zero device=gw1 after=10 for=1m0s",
	"drop device=gw1",
	"blackhole device=gw1 for=2m0s",
	"blackhole new",
	"stall after=1m0s",
	"no-close",
	"no-heartbeat connection=1",
	"token-expire device=gw1",
	"second-connection device=gw1 every=10s",
	"half-frame how=rst",
	"oversized-frame",
	"garbage bytes=1000 seed=18446744073709551615",
	"clock-skew by=-10m0s after=1m0s for=1h0m0s",
}

func TestFaultLinesRoundTrip(t *testing.T) {
	named := map[string]bool{}
	for _, line := range faultLines {
		f, err := hub.ParseFault(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if f.String() != line {
			t.Errorf("%s: String is %s", line, f)
		}
		named[f.Name()] = true
	}
	for _, name := range hub.FaultNames() {
		if !named[name] {
			t.Errorf("%s is in no line of the test", name)
		}
	}
}

func TestFaultLinesOfOneMeaningAreEqual(t *testing.T) {
	for _, same := range [][2]string{
		{"drop device=* how=rst p=1 seed=1", "drop"},
		{"  blackhole\tfor=120s device=gw1 ", "blackhole device=gw1 for=2m"},
		{"reject twin telemetry description=\"a\"", "reject description=a telemetry twin"},
		{"throttle rate=10/s", "throttle rate=10"},
		{"gwv2 how=fixed", "gwv2"},
	} {
		if a, b := hub.MustParseFault(same[0]), hub.MustParseFault(same[1]); a.String() != b.String() {
			t.Errorf("%q is %s and %q is %s", same[0], a, same[1], b)
		}
	}
}

func TestFaultLineErrorsNameTheWord(t *testing.T) {
	for line, want := range map[string]string{
		"":                                 `the line is empty`,
		"rejct":                            `"rejct" is no fault: is it "reject"?`,
		"black-hole":                       `is it "blackhole"?`,
		"throttled rate=1":                 `is it "throttle"?`,
		"drop=1":                           `"drop=1" is no fault`,
		"zzzzzzzzzz":                       `"zzzzzzzzzz" is no fault`,
		"reject telemetri":                 `fault reject: "telemetri" is not known here: is it "telemetry"?`,
		"reject devise=gw1":                `"devise=gw1" is not known here: is it "device"?`,
		"reject how=fin":                   `"how=fin" is not known here`,
		"reject device":                    `"device" needs a value: device=gw1`,
		"reject device=":                   `"device" needs a value`,
		"reject logged=1":                  `"logged" takes no value`,
		"reject device=a device=b":         `"device" comes twice`,
		"reject events":                    `cannot strike events`,
		"credit-zero devicebound":          `cannot strike devicebound`,
		"drop how=fun":                     `how=fun: not one of rst, fin: is it "fin"?`,
		"clock-skew":                       `needs by=3s`,
		"clock-skew by=1m after=3":         `after is a duration`,
		"clock-skew telemetry by=1m":       `names links, and it strikes none`,
		"delay by=-3s":                     `by=-3s: not a duration`,
		"reject for=-3s":                   `for=-3s: not a duration`,
		"reject count=0":                   `count=0: not a whole number above 0`,
		"reject p=1.5":                     `p=1.5: not a number above 0, at most 1`,
		"reject p=NaN":                     `p=NaN`,
		"reject after=soon":                `after=soon: neither a number`,
		"reject seed=-1":                   `seed=-1`,
		"reject device=a/b/c":              `device=a/b/c`,
		"reject condition=\"two words\"":   `not a symbol`,
		"reject description=\"open":        `the quotes of "description" do not end`,
		"put-token":                        `status=500, slow=40s or never`,
		"twin-reply":                       `status=500, slow=40s or never`,
		"put-token status=20":              `status=20`,
		"redirect to=nowhere":              `to=nowhere: not HOST:PORT`,
		"redirect":                         `needs to=127.0.0.1:5672`,
		"detach":                           `needs condition=`,
		"blackhole every=3":                `"every=3" is not known here`,
		"refuse device=gw1":                `"device=gw1" is not known here`,
		"garbage bytes=99999999":           `bytes=99999999`,
		"busy every=3s after=5":            `goes by the clock`,
		"drop every=3s p=0.5":              `goes by the clock`,
		"reject " + strings.Repeat("x", 9): `"xxxxxxxxx" is not known here`,
	} {
		_, err := hub.ParseFault(line)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, line := range faultLines {
		f.Add(line)
	}
	f.Add(`reject description="\xff" condition=a"b device=*`)
	f.Fuzz(func(t *testing.T, line string) {
		fault, err := hub.ParseFault(line)
		if err != nil {
			return
		}
		again, err := hub.ParseFault(fault.String())
		if err != nil || again.String() != fault.String() {
			t.Errorf("%q is %q, which is %q, %v", line, fault, again, err)
		}
	})
}

func TestFaultsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/HUB.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range hub.FaultNames() {
		if n := strings.Count(string(text), "\n| `"+name+"`"); n != 1 {
			t.Errorf("docs/HUB.md has %d rows for %s", n, name)
		}
	}
}
