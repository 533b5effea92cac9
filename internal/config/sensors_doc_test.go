package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"fieldpost/sensors/catalog"
)

var update = flag.Bool("update", false, "write docs/SENSORS.md anew")

const sensorsDoc = "../../docs/SENSORS.md"

// docs/SENSORS.md is printed from the table of sources and that of keys.
func TestReferenceOfSources(t *testing.T) {
	want := reference()
	if *update {
		if err := os.WriteFile(sensorsDoc, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(sensorsDoc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		t.Error("docs/SENSORS.md is not what the tables say: go test ./internal/config -run TestReferenceOfSources -update")
	}
}

// Each source is a sensor that can be configured as its example shows.
func TestExamplesOfSources(t *testing.T) {
	names := map[string]bool{}
	for _, s := range catalog.Sources() {
		if names[s.Name] || s.Help == "" || len(s.Values) == 0 && !s.Open && s.Channels == nil {
			t.Errorf("%s: name twice, no help or no values", s.Name)
		}
		names[s.Name] = true
		if s.Addresses != nil && (s.Wiring == "" || s.Datasheet == "") {
			t.Errorf("%s: no wiring or datasheet", s.Name)
		}
		text := "version = 1\n[[bus]]\nname = \"i2c1\"\ndevice = \"/dev/i2c-1\"\n" + s.Config("outdoor", "i2c1", 0)
		c, problems := Parse("", []byte(text))
		if len(problems) > 0 {
			t.Errorf("%s: %v\n%s", s.Name, problems, text)
			continue
		}
		if len(s.Addresses) > 0 && c.Sensors[0].Address != s.Addresses[0] {
			t.Errorf("%s: at %#02x", s.Name, c.Sensors[0].Address)
		}
		for _, key := range append(s.Required, s.Keys...) {
			if !strings.Contains(s.Example, key+" = ") && keyNamed(key) == nil {
				t.Errorf("%s: key %s is no key of a sensor", s.Name, key)
			}
		}
	}
}

func keyNamed(name string) *key {
	for _, k := range sensorKeys() {
		if k.name == name {
			return &k
		}
	}
	return nil
}

func reference() []byte {
	b := new(bytes.Buffer)
	b.WriteString(`# Sensors

Every source of readings that the agent has, printed from the tables that check a configuration.
Units are UCUM; they are fixed, a value is never sent in another one. The range is what the part can measure: outside of it a
value is sent and marked as suspect. Ahead of that, what no sensor can have measured (0 K, no number) is bad: counted and left out.

All of them are tested on simulated registers; none has been read on a real board yet. Compare a first reading with another instrument.

A sensor is one of these in a configuration, on a bus where it has one:

`)
	example, _ := catalog.Named("bme280")
	fmt.Fprintf(b, "```toml\n[[bus]]\nname = \"i2c1\"\ndevice = \"/dev/i2c-1\"\n\n%s```\n", example.Config("outdoor", "i2c1", example.Addresses[1]))
	b.WriteString("\nThe keys of every sensor:\n\n| key | meaning |\n|---|---|\n")
	for _, s := range sections() {
		if s.name != "sensor" && s.name != "sensor.value" {
			continue
		}
		if s.name == "sensor.value" {
			b.WriteString("\nThe keys of `[[sensor.value]]`, below the sensor whose value it is. A calibration goes ahead of min, max, max_rate and stuck_after, and behind the range of the part:\n\n| key | meaning |\n|---|---|\n")
		}
		for _, k := range s.keys {
			if !k.some {
				fmt.Fprintf(b, "| `%s` | %s |\n", k.name, cell(k.help+note(k)))
			}
		}
	}
	b.WriteString("\n| source | what it is |\n|---|---|\n")
	for _, s := range catalog.Sources() {
		fmt.Fprintf(b, "| [`%s`](#%s) | %s |\n", s.Name, s.Name, cell(s.Help))
	}
	for _, s := range catalog.Recognisable() {
		if s.Help != "" {
			refer(b, s)
		}
	}
	return b.Bytes()
}

func refer(b *bytes.Buffer, s catalog.Source) {
	fmt.Fprintf(b, "\n## %s\n\n%s.", s.Name, strings.ToUpper(s.Help[:1])+s.Help[1:])
	if len(s.Addresses) > 0 {
		var at []string
		for _, a := range s.Addresses {
			at = append(at, fmt.Sprintf("%#02x", a))
		}
		fmt.Fprintf(b, " Address %s.", strings.Join(at, ", "))
	}
	if s.Datasheet != "" {
		fmt.Fprintf(b, " Datasheet: %s.", s.Datasheet)
	}
	if s.Wiring != "" {
		fmt.Fprintf(b, "\n\nWiring: %s.", s.Wiring)
	}
	if how := recognised(s); how != "" {
		fmt.Fprintf(b, "\n\n`agent probe` goes by %s.", how)
	}
	if s.Notes != "" {
		fmt.Fprintf(b, "\n\n%s", s.Notes)
	}
	b.WriteByte('\n')
	if len(s.Values) > 0 {
		b.WriteString("\n| value | unit | range | |\n|---|---|---|---|\n")
	}
	for _, v := range s.Values {
		span := ""
		if v.Lo != 0 || v.Hi != 0 {
			span = fmt.Sprintf("%g to %g", v.Lo, v.Hi)
		}
		help := v.Help
		for _, n := range v.Sentinels {
			help += fmt.Sprintf("; %g is bad, %q", n.Num, n.Reason)
		}
		if v.StuckAfter > 0 {
			help += fmt.Sprintf("; stuck after %s", short(v.StuckAfter))
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", v.Name, v.Unit, span, cell(strings.TrimPrefix(help, "; ")))
	}
	if s.Channels != nil {
		fmt.Fprintf(b, "\n| key of `[[sensor.value]]` | meaning |\n|---|---|\n")
		for _, section := range sections() {
			for _, k := range section.keys {
				if section.name == "sensor.value" && k.some {
					fmt.Fprintf(b, "| `%s` | %s |\n", k.name, cell(k.help))
				}
			}
		}
		fmt.Fprintf(b, "\nChannels: %s.\n", strings.Join(s.Channels, ", "))
	}
	if len(s.Keys) > 0 {
		b.WriteString("\n| key | meaning |\n|---|---|\n")
	}
	for _, name := range s.Keys {
		if k := keyNamed(name); k != nil {
			need := ""
			for _, r := range s.Required {
				if r == name {
					need = "Required. "
				}
			}
			fmt.Fprintf(b, "| `%s` | %s |\n", name, cell(need+k.help))
		}
	}
	fmt.Fprintf(b, "\n```toml\n%s```\n", s.Config(s.Name, "i2c1", 0))
	if s.Bridged {
		fmt.Fprintf(b, "\n```toml\n%s```\n", s.Config(s.Name, "", 0))
	}
}

// recognised is how a probe tells a part from others at its address.
func recognised(s catalog.Source) string {
	var all []string
	for _, sign := range s.Signs {
		all = append(all, sign.Text)
	}
	how := strings.Join(all, ", or ")
	if how == "" && len(s.Addresses) > 0 {
		how = "its address alone"
	}
	if s.Alike != "" {
		how += "; " + s.Alike
	}
	return how
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
