package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"fieldpost/internal/canary"
	"fieldpost/internal/config"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// public are the keys that name files without a secret in them.
var public = map[string]string{
	"hub.ca_file":          "authorities are for everybody to know",
	"hub.certificate_file": "a certificate is shown to whoever shakes hands",
}

// TestEverySecretHasACanary: what the configuration takes from a file, hands to a
// program or hides when it is printed has a slot.
func TestEverySecretHasACanary(t *testing.T) {
	planted, err := canary.New("hub.invalid", "gw")
	if err != nil {
		t.Fatal(err)
	}
	keys, fields := map[string]bool{}, map[string]bool{}
	for _, slot := range planted.Slots {
		keys[slot.Key], fields[slot.Field] = true, true
	}
	var defaults bytes.Buffer
	if err := config.Defaults(&defaults); err != nil {
		t.Fatal(err)
	}
	table, files := "", 0
	for line := range strings.Lines(defaults.String()) {
		name, _, isKey := strings.Cut(strings.TrimLeft(line, "# "), " = ")
		switch {
		case strings.HasPrefix(strings.TrimLeft(line, "# "), "["):
			table = strings.Trim(strings.TrimLeft(line, "# "), "[]\n")
		case isKey && strings.HasSuffix(name, "_file"):
			files++
			if key := table + "." + name; !keys[key] && public[key] == "" {
				t.Errorf("%s names a file whose secret is planted nowhere", key)
			}
		}
	}
	if files < len(public)+4 {
		t.Errorf("%d keys of files found in:\n%s", files, &defaults)
	}
	// Fields that name files, or a program with its arguments, by another key than that.
	count := 0
	walk(reflect.TypeFor[config.Config](), "", func(path string, f reflect.StructField) {
		if strings.HasSuffix(f.Name, "File") {
			count++
		}
		if f.Type == reflect.TypeFor[[]string]() && f.Name != "Allow" && f.Name != "AllowMethods" && f.Name != "AllowLocal" && path != "Sensors.Program" {
			t.Errorf("config.%s may hold secrets: plant one, or say why it cannot", path)
		}
	})
	if count != files {
		t.Errorf("config.Config has %d fields of files, the printed configuration %d keys", count, files)
	}
	for _, kept := range []reflect.Type{reflect.TypeFor[uplink.Identity](), reflect.TypeFor[uplink.Proxy]()} {
		walk(kept, "", func(path string, f reflect.StructField) {
			switch f.Type {
			case reflect.TypeFor[auth.Key](), reflect.TypeFor[auth.Token](), reflect.TypeFor[auth.Login](), reflect.TypeFor[auth.Certificate]():
				if path = kept.Name() + "." + path; !fields[path] {
					t.Errorf("uplink.%s is a secret that is planted nowhere", path)
				}
			}
		})
	}
}

// walk visits the fields of a struct, and those of structs in it.
func walk(t reflect.Type, path string, visit func(string, reflect.StructField)) {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		at := strings.TrimPrefix(path+"."+f.Name, ".")
		visit(at, f)
		in := f.Type
		for in.Kind() == reflect.Slice || in.Kind() == reflect.Pointer {
			in = in.Elem()
		}
		if in.Kind() == reflect.Struct && strings.HasPrefix(in.PkgPath(), "fieldpost/internal/config") {
			walk(in, at, visit)
		}
	}
}

// TestNoFileIsQuoted damages every secret file in every way, and puts secrets where
// they do not belong: neither check nor provision says a piece of one, or leaves it
// anywhere but in the file it was given in.
func TestNoFileIsQuoted(t *testing.T) {
	t.Parallel()
	planted, err := canary.New("hub.invalid", "gw")
	if err != nil {
		t.Fatal(err)
	}
	search := planted.Search()
	for _, slot := range planted.Slots {
		if slot.File == "" {
			continue
		}
		for _, spoilt := range slot.Spoilt() {
			files := provisionable(planted, slot)
			files[slot.File] = spoilt.Text
			judge(t, search, slot.Name+" "+spoilt.How, files)
			judge(t, search, slot.Name+" "+spoilt.How+" as agent.toml", map[string]string{"agent.toml": spoilt.Text})
		}
		for _, other := range planted.Slots {
			if other.File != "" && other.File != slot.File {
				files := provisionable(planted, other)
				files[other.File] = slot.Text
				judge(t, search, slot.Name+" as "+other.File, files)
			}
		}
	}
	for _, slot := range planted.Slots {
		secret := slot.Text
		if slot.Name == "shared access key" {
			secret = planted.Key
		}
		hub := "version = 1\n[hub]\n"
		// A user and a password look like any other text but where a file or a host belongs,
		// a phrase does everywhere.
		wrong := []string{"connection_string_file", "ca_file", "sas_token_file", "certificate_file", "key_file", "proxy_credentials_file", "proxy", "address"}
		switch slot.Name {
		case "argument of a program", "password of the web page", "password of the Wi-Fi":
			wrong = nil
		case "login of the proxy":
		default:
			wrong = append(wrong, "sas", "transport", "password", "SharedAccessKey")
			judge(t, search, slot.Name+" as a key", map[string]string{"agent.toml": hub + strconv.Quote(secret) + " = 1\n"})
			judge(t, search, slot.Name+" as a table", map[string]string{"agent.toml": "version = 1\n[" + strconv.Quote(secret) + "]\nx = 1\n"})
		}
		for _, key := range wrong {
			judge(t, search, slot.Name+" as "+key, map[string]string{"agent.toml": hub + key + " = " + strconv.Quote(secret) + "\n"})
			judge(t, search, slot.Name+" without quotes as "+key, map[string]string{"agent.toml": hub + key + " = " + secret + "\n"})
		}
		judge(t, search, slot.Name+" as a program", map[string]string{"agent.toml": "version = 1\n[[sensor]]\nname = \"a\"\nsource = \"command\"\nprogram = [\"/bin/true\", 7, " + strconv.Quote(secret) + "]\n"})
	}
}

// provisionable is a set of files that names that of slot.
func provisionable(planted canary.Planted, slot canary.Slot) map[string]string {
	files := map[string]string{"connection-string": planted.Slots[0].Text}
	text := "version = 1\n[hub]\nconnection_string_file = \"connection-string\"\n"
	switch slot.Key {
	case "hub.key_file":
		text += "certificate_file = \"device.pem\"\n"
		files["device.pem"] = planted.Certificate
	case "hub.proxy_credentials_file":
		text += "proxy = \"http://proxy.invalid:3128\"\n"
	}
	if name, ok := strings.CutPrefix(slot.Key, "hub."); ok && name != "connection_string_file" {
		text += name + " = \"" + slot.File + "\"\n"
	}
	files["agent.toml"] = text
	return files
}

// judge has check and provision look at a set of files.
func judge(t *testing.T, search *canary.Search, what string, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	boot, to := filepath.Join(dir, "boot"), filepath.Join(dir, "perm")
	from := filepath.Join(boot, "fieldpost")
	if err := os.MkdirAll(from, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	e := env{out: &said, err: &said}
	dispatch(context.Background(), e, []string{"provision", "--check", "--from", from, "--extra", "web-password:12"})
	dispatch(context.Background(), e, []string{"check", "--config", filepath.Join(from, "agent.toml")})
	code := dispatch(context.Background(), e, []string{"provision", "--from", from, "--to", to, "--extra", "web-password:12", "--extra", "wifi-password:8-63"})
	if code != exitOK && code != exitConfig {
		t.Errorf("%s: exit code %d", what, code)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		_, given := files[d.Name()]
		if given && (code == exitConfig && filepath.Dir(path) == from || code == exitOK && strings.HasPrefix(path, to)) {
			return nil
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&said, "%s\n%s\n", path[len(dir):], text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if leak := search.In(said.String()); leak != "" {
		t.Errorf("%s: %s", what, leak)
	}
}
