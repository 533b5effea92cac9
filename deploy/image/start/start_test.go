package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBootPartition(t *testing.T) {
	for _, c := range []struct{ mounts, want, err string }{
		{"/dev/root / squashfs ro 0 0\n/dev/mmcblk0p4 /perm ext4 rw 0 0\n", "/dev/mmcblk0p1", ""},
		{"/dev/sda4 /perm ext4 rw 0 0\n", "/dev/sda1", ""},
		{"/dev/root / squashfs ro 0 0\n", "", "no fourth partition"},
		{"/dev/nvme0n1p2 /perm ext4 rw 0 0\n", "", "no fourth partition"},
	} {
		path := filepath.Join(t.TempDir(), "mounts")
		if err := os.WriteFile(path, []byte(c.mounts), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := bootPartition(path)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %q, %v", c.mounts, got, err)
		}
	}
}

func TestWebPageWantsThePassword(t *testing.T) {
	h := guarded("twelve chars", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, c := range []struct {
		user, password string
		want           int
	}{
		{"", "", http.StatusUnauthorized},
		{"gokrazy", "", http.StatusUnauthorized},
		{"gokrazy", "twelve char", http.StatusUnauthorized},
		{"root", "twelve chars", http.StatusUnauthorized},
		{"gokrazy", "twelve chars", http.StatusTeapot},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if c.user != "" {
			r.SetBasicAuth(c.user, c.password)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s:%s: %d, want %d", c.user, c.password, w.Code, c.want)
		}
		if told := fmt.Sprint(w.Body, w.Header()); strings.Contains(told, "twelve") {
			t.Errorf("%s:%s: the answer tells the password: %s", c.user, c.password, told)
		}
	}
}

// What a program here would not take must not be wiped from the boot partition.
func TestAgentIsToldWhatIsTaken(t *testing.T) {
	args := strings.Join(provisionArgs(), " ")
	for _, want := range []string{"web-password:12", "wifi-name:1-32", "wifi-password:8-63"} {
		if !strings.Contains(args+" ", " --extra "+want+" ") {
			t.Errorf("agent %s: no %s", args, want)
		}
	}
	path := filepath.Join(t.TempDir(), webPassword)
	for n, bad := range map[int]bool{11: true, 12: false} {
		if err := os.WriteFile(path, []byte(strings.Repeat("x", n)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readPassword(path); (err != nil) != bad {
			t.Errorf("%d characters: %v", n, err)
		}
	}
}

func TestPasswordIsTakenOrSaidToBeTooShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web-password")
	for _, c := range []struct {
		text, want string
		bad        bool
	}{{"", "", true}, {"c2VjcmV0\r\n", "", true}, {"long enough it is\r\n", "long enough it is", false}, {"\ufefflong enough it is\r\n", "long enough it is", false}} {
		if c.text != "" {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readPassword(path)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "c2V") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
