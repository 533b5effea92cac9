package wifi

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProvisioned(t *testing.T) {
	for _, c := range []struct {
		name, password         string // as files; empty = not there
		wantName, wantPassword string
		err                    string
	}{
		{"workshop", "", "workshop", "", ""},
		{"\ufeffthe workshop\r\n", "\ufeff" + secret + "\n", "the workshop", secret, ""},
		{"workshop", "1234567\n", "", "", "wifi-password has not one line of 8 to 63 characters"},
		{"workshop", strings.Repeat("x", 64), "", "", "wifi-password has not one line of 8 to 63 characters"},
		{strings.Repeat("x", 33), "", "", "", "wifi-name has not one line of 1 to 32 characters"},
		{"\r\n", secret, "", "", "wifi-name has not one line of 1 to 32 characters"},
		{"workshop\r\n" + secret, "", "", "", "wifi-name has not one line"},
		{"", secret, "", "", "no such file"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{NameFile: c.name, PasswordFile: c.password} {
			if text != "" {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		name, password, err := provisioned(dir)
		if c.err == "" && (name != c.wantName || password != c.wantPassword || err != nil) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q, %q: %q, %q, %v", c.name, c.password, name, password, err)
		}
	}
}

// bus is a folder that stands for the kernel's bus of chips.
func bus(t *testing.T, chips map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for chip, id := range chips {
		vendor, device, _ := strings.Cut(id, ":")
		at := filepath.Join(dir, "devices", chip)
		if err := errors.Join(os.MkdirAll(at, 0o700), os.WriteFile(filepath.Join(at, "vendor"), []byte(vendor+"\n"), 0o600), os.WriteFile(filepath.Join(at, "device"), []byte(device+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"drivers_autoprobe", "drivers_probe"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The driver must not meet a chip before the module of its vendor is there.
func TestDriverMeetsTheChipWhenAllIsLoaded(t *testing.T) {
	for _, broken := range []string{"", "brcmfmac-cyw.ko"} {
		dir := bus(t, map[string]string{"mmc1:0001:2": "0x02d0:0xa9a6"})
		var names []string
		err := load("/modules", dir, func(path string) error {
			names = append(names, filepath.Base(path))
			probing, _ := os.ReadFile(filepath.Join(dir, "drivers_autoprobe"))
			asked, _ := os.ReadFile(filepath.Join(dir, "drivers_probe"))
			if string(probing) != "0" || string(asked) != "1" {
				t.Errorf("%s: the bus has %q, asked %q", path, probing, asked)
			}
			if filepath.Base(path) == broken {
				return fs.ErrNotExist
			}
			return nil
		})
		if (err != nil) != (broken != "") || err != nil && !strings.Contains(err.Error(), broken) {
			t.Errorf("%q: %v", broken, err)
		}
		if want := "brcmutil.ko brcmfmac.ko brcmfmac-wcc.ko brcmfmac-cyw.ko"; !strings.HasPrefix(strings.Join(names, " "), want) {
			t.Errorf("loaded: %v", names)
		}
		probing, _ := os.ReadFile(filepath.Join(dir, "drivers_autoprobe"))
		asked, _ := os.ReadFile(filepath.Join(dir, "drivers_probe"))
		if string(probing) != "1" || string(asked) != "mmc1:0001:2" {
			t.Errorf("%q: the bus is left with %q, asked for %q", broken, probing, asked)
		}
	}
}

func TestAbsence(t *testing.T) {
	for _, c := range []struct {
		chips map[string]string
		want  string
	}{
		{nil, "no Wi-Fi chip answers on this board"},
		{map[string]string{"mmc1:0001:1": "0x02d0:0xa9a6", "mmc1:0001:2": "0x02d0:0xa9a6"}, "the Wi-Fi chip does not start (SDIO 0x02d0:0xa9a6): this card has no firmware for it, or it is broken"},
	} {
		if got := absence(bus(t, c.chips)); got.Error() != c.want {
			t.Errorf("%v: %v", c.chips, got)
		}
	}
}

func TestServersOfNamesComeBack(t *testing.T) {
	const cable, air = "# " + dhcpMark + "\nnameserver 10.1.0.1\n", "# " + dhcpMark + "\nnameserver 10.2.0.1\n"
	for _, c := range []struct{ before, after, want string }{
		{cable, air, cable},
		{cable, cable, cable},
		{"nameserver of the kernel\n", air, air}, // there was no cable
	} {
		l := &lease{resolver: filepath.Join(t.TempDir(), "resolv.conf")}
		if err := os.WriteFile(l.resolver, []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		before := l.names()
		if err := os.WriteFile(l.resolver, []byte(c.after), 0o600); err != nil {
			t.Fatal(err)
		}
		l.restore(before)
		if got, err := os.ReadFile(l.resolver); string(got) != c.want || err != nil {
			t.Errorf("%q, then %q: %q, %v", c.before, c.after, got, err)
		}
	}
}

func TestTroubleIsTheLastLine(t *testing.T) {
	l := &lease{}
	if l.trouble() != "" {
		t.Errorf("at first: %q", l.trouble())
	}
	for _, text := range []string{"2026/01/02 03:04:05 dhcp.go:10: waiting\n2026/01/02 03:04:05 dhcp.go:430: read packet: timeout\n", strings.Repeat("x", 10000) + "\n"} {
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if got := l.trouble(); !strings.HasPrefix(text, "x") && got != " (read packet: timeout)" || len(got) > 250 {
			t.Errorf("trouble: %q", got)
		}
	}
}
