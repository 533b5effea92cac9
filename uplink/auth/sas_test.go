package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"fieldpost/uplink/auth"
)

const groupKey = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="

func mustKey(t *testing.T, text string) auth.Key {
	t.Helper()
	k, err := auth.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The vector is the one of Microsoft's page on symmetric key attestation.
func TestDeriveGroupKeyVector(t *testing.T) {
	got := mustKey(t, groupKey).Derive("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6")
	if !got.Equal(mustKey(t, "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=")) {
		t.Fatal("derived key differs from the published one")
	}
}

func TestSignVectors(t *testing.T) {
	for _, v := range []struct{ resource, policy, want string }{
		{"myhub.azure-devices.net/devices/gw-1", "",
			"SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fgw-1&sig=yC%2FNpfU2gRDPmq7wUvAoMdZxzFEgqDf2hfrsZcM21BE%3D&se=1893456000"},
		{"localhost:5671", "service",
			"SharedAccessSignature sr=localhost%3A5671&sig=sCxX1%2BQJE6%2BPBXZJX42hGtoolCX3FMMW4Lx4iJzDYAY%3D&se=1893456000&skn=service"},
		{auth.Audience("h", "a b", ""), "",
			"SharedAccessSignature sr=h%2Fdevices%2Fa%2520b&sig=IF2%2Bm2KKTUrZPT1uSg1qyhT2uZqDFI3i9OpqCtksde8%3D&se=1893456000"},
	} {
		expiry := time.Date(2030, 1, 1, 0, 0, 0, 999, time.UTC)
		if got := mustKey(t, groupKey).Sign(v.resource, v.policy, expiry).Reveal(); got != v.want {
			t.Errorf("Sign(%q, %q):\n got %s\nwant %s", v.resource, v.policy, got, v.want)
		}
	}
}

// A verifier knows only the token and the key: it recomputes the signature over
// sr exactly as received.
func TestTokenVerifies(t *testing.T) {
	raw := []byte("0123456789abcdef")
	token := auth.NewKey(raw).Sign("hub/devices/d", "", time.Unix(1700000000, 0)).Reveal()
	fields := map[string]string{}
	for _, f := range strings.Split(strings.TrimPrefix(token, "SharedAccessSignature "), "&") {
		k, v, _ := strings.Cut(f, "=")
		fields[k] = v
	}
	h := hmac.New(sha256.New, raw)
	h.Write([]byte(fields["sr"] + "\n" + fields["se"]))
	if got, _ := url.QueryUnescape(fields["sig"]); got != base64.StdEncoding.EncodeToString(h.Sum(nil)) {
		t.Fatalf("signature does not verify: %v", fields)
	}
	if _, err := auth.ParseToken(token); err != nil {
		t.Fatalf("own token does not parse: %v", err)
	}
}

func TestCheckSize(t *testing.T) {
	for n, ok := range map[int]bool{1: false, 15: false, 16: true, 32: true, 64: true, 65: false} {
		if err := auth.NewKey(make([]byte, n)).CheckSize(); (err == nil) != ok {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestParseKeyAndToken(t *testing.T) {
	for _, s := range []string{"", "not base64!", "YWJj!", "===="} {
		if _, err := auth.ParseKey(s); !errors.Is(err, auth.ErrBadKey) {
			t.Errorf("ParseKey(%q): %v", s, err)
		}
	}
	for _, s := range []string{"", "sr=a&sig=b&se=1", "SharedAccessSignature sr=a&sig=b", "SharedAccessSignature sr=&sig=b&se=1"} {
		if _, err := auth.ParseToken(s); !errors.Is(err, auth.ErrBadToken) {
			t.Errorf("ParseToken(%q): %v", s, err)
		}
	}
	if _, err := auth.ParseToken("SharedAccessSignature SE=1&skn=x&SIG=b&Sr=a"); err != nil {
		t.Errorf("order and case of the fields are free: %v", err)
	}
}
