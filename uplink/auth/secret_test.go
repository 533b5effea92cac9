package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"fieldpost/uplink/auth"
)

func TestSecretsNeverPrint(t *testing.T) {
	const text = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
	const plain = "secret-secret-secret-secret"
	key := mustKey(t, text)
	token := key.Sign("host/devices/d", "", time.Unix(1, 0))
	cs, err := auth.ParseConnectionString("HostName=h;DeviceId=d;SharedAccessKey=" + text)
	if err != nil {
		t.Fatal(err)
	}
	login, err := auth.ParseLogin("user:" + plain)
	if err != nil {
		t.Fatal(err)
	}
	certText, keyText := issue(t, "gw-1")
	cert, err := auth.ParseCertificate(certText, keyText)
	if err != nil {
		t.Fatal(err)
	}
	type hidden struct {
		key   auth.Key
		token auth.Token
		login auth.Login
		cert  auth.Certificate
	}
	within := hidden{key, token, login, cert}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b"} {
		for _, v := range []any{key, &key, token, &token, login, &login, cert, &cert, cs, &cs, within, &within, []auth.Key{key}, map[string]auth.Token{"t": token}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, v := range []any{key, token, login, cert, cs, map[string]any{"k": &key}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "key", key, "token", token, "login", login, "cert", cert, "cs", cs, "hidden", within)
	}
	private := cert.TLS().PrivateKey.(*ecdsa.PrivateKey).D
	sig := token.Reveal()[strings.Index(token.Reveal(), "sig=")+4:][:10]
	for _, s := range []string{text, plain, fmt.Sprintf("%x", plain), strings.ToUpper(fmt.Sprintf("%x", plain)), fmt.Sprint([]byte(plain)), sig, login.Basic(), private.String(), private.Text(16)} {
		if strings.Contains(out.String(), s) {
			t.Errorf("output contains %q", s)
		}
	}
	if got := fmt.Sprintf("%v %+v %#v %s", key, token, key, token); got != "redacted redacted redacted redacted" {
		t.Errorf("printed %q", got)
	}
}

func TestSecretsCompare(t *testing.T) {
	a, b := auth.NewKey([]byte("a")), auth.NewKey([]byte("b"))
	if !a.Equal(auth.NewKey([]byte("a"))) || a.Equal(b) || a.Equal(auth.Key{}) || !(auth.Key{}).Equal(auth.NewKey(nil)) {
		t.Error("Equal is wrong")
	}
	if a.IsZero() || !(auth.Key{}).IsZero() || !(auth.Token{}).IsZero() || (auth.Token{}).Reveal() != "" {
		t.Error("IsZero is wrong")
	}
}
