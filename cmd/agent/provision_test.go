package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldpost/internal/canary"
)

// The > of Windows PowerShell and the Unicode of Notepad write UTF-16. Whoever reads
// such a file says so, and what to do, and nothing of what is in it.
func TestSixteenBitsAreTold(t *testing.T) {
	planted, err := canary.New("hub.invalid", "gw")
	if err != nil {
		t.Fatal(err)
	}
	search := planted.Search()
	wide := func(text string) string {
		b := []byte("\xff\xfe")
		for _, c := range []byte(text) {
			b = append(b, c, 0)
		}
		return string(b)
	}
	type spoken struct{ what, said string }
	for _, name := range []string{"agent.toml", "connection-string", "hub-ca.pem", "device.pem", "device-key.pem", "sas-token", "web-password"} {
		files := map[string]string{
			"connection-string": planted.Slots[0].Text, "hub-ca.pem": planted.Certificate, "device.pem": planted.Certificate,
			"web-password": "a password of the web page",
			"agent.toml": "version = 1\n[hub]\nconnection_string_file = \"connection-string\"\nca_file = \"hub-ca.pem\"\n" +
				"certificate_file = \"device.pem\"\nkey_file = \"device-key.pem\"\nsas_token_file = \"sas-token\"\n",
		}
		for _, slot := range planted.Slots {
			if slot.File == "sas-token" || slot.File == "device-key.pem" {
				files[slot.File] = slot.Text
			}
		}
		files[name] = wide(files[name])
		boot := t.TempDir()
		from, to := filepath.Join(boot, "fieldpost"), filepath.Join(t.TempDir(), "etc")
		if err := os.Mkdir(from, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(from, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		say := func(args ...string) spoken {
			var out, errs bytes.Buffer
			if code := dispatch(t.Context(), env{out: &out, err: &errs}, args); code != exitConfig {
				t.Errorf("%s as 16 bits: %q ends with %d\n%s", name, args, code, out.String()+errs.String())
			}
			return spoken{strings.Join(args[:2], " "), errs.String()}
		}
		whole := "agent: provision: " + name + ": is UTF-16\nhint: save it as UTF-8\n"
		checked, taken := say("provision", "--check", "--from", from, "--extra", "web-password:12"), say("provision", "--from", from, "--to", to, "--extra", "web-password:12")
		for _, s := range []spoken{checked, taken} {
			if s.said != whole {
				t.Errorf("%s says %q, want %q", s.what, s.said, whole)
			}
		}
		told, err := os.ReadFile(filepath.Join(boot, provisionReport))
		if err != nil || !strings.Contains(string(told), name+": is UTF-16\nhint: save it as UTF-8\n") {
			t.Errorf("report %q, %v", told, err)
		}
		all := []spoken{checked, taken, {"report", string(told)}}
		if name != "web-password" { // which is not the agent's
			s := say("check", "--config", filepath.Join(from, "agent.toml"))
			if !strings.Contains(s.said, name+": is UTF-16\nhint: save it as UTF-8\n") {
				t.Errorf("check says %q", s.said)
			}
			all = append(all, s)
		}
		if name == "agent.toml" {
			all = append(all, say("run", "--config", filepath.Join(from, "agent.toml")))
		}
		for _, s := range all {
			if leak := search.In(s.said); leak != "" {
				t.Errorf("%s: %s", s.what, leak)
			}
		}
	}
}
