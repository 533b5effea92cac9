// Package canary plants secrets where an agent gets some, and looks for them in what
// it says. It is for tests.
//
// New makes secrets that are nowhere else; Slots lists the places that take one, each
// with a text that is right for it. Spoilt gives that text as a person might
// have damaged it: what cannot be read is quoted in many an error. A Search finds
// a piece of a secret, in whatever spelling it may have come out.
package canary

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// Slot is a place where a secret comes in.
type Slot struct {
	Name    string   // what the secret is, for a person
	Key     string   // of the configuration that names its file, or that holds it; empty = none
	File    string   // its usual name in a provisioned folder; empty = it is no file
	Env     string   // variable of the environment that holds it; empty = none
	Field   string   // of uplink.Identity or another struct that keeps it, "Identity.Key"; empty = none
	Text    string   // what is in the file or the variable
	secrets [][]byte // those parts of it that nobody may see
}

// Planted are secrets made for one test.
type Planted struct {
	Slots       []Slot
	Certificate string // in PEM, of the slot of the private key
	Key         string // shared access key of the connection string, in base64
}

// New makes secrets for a device of a hub.
func New(host, device string) (Planted, error) {
	cert, key, scalar, err := certificate(device)
	if err != nil {
		return Planted{}, err
	}
	raw, password, web, wifi, proxy, argument := random(32), phrase(), phrase(), phrase(), phrase(), phrase()
	access := base64.StdEncoding.EncodeToString(raw)
	bare := "HostName=" + host + ";DeviceId=" + device
	inString, inStringSecrets := token(host, device)
	inFile, inFileSecrets := token(host, device)
	return Planted{
		Certificate: cert,
		Key:         access,
		Slots: []Slot{
			{Name: "shared access key", Key: "hub.connection_string_file", File: "connection-string", Field: "Identity.Key",
				Text: bare + ";SharedAccessKey=" + access, secrets: [][]byte{raw, []byte(access)}},
			{Name: "token of the connection string", Key: "hub.connection_string_file", File: "connection-string", Field: "Identity.Token",
				Text: bare + ";SharedAccessSignature=" + inString, secrets: inStringSecrets},
			{Name: "token", Key: "hub.sas_token_file", File: "sas-token", Field: "Identity.Token",
				Text: inFile, secrets: inFileSecrets},
			{Name: "private key", Key: "hub.key_file", File: "device-key.pem", Field: "Identity.Certificate",
				Text: key, secrets: [][]byte{scalar.Bytes(), []byte(scalar.String())}},
			{Name: "login of the proxy", Key: "hub.proxy_credentials_file", File: "proxy-credentials", Field: "Proxy.Login",
				Text: "gateway:" + password, secrets: [][]byte{[]byte(password)}},
			{Name: "proxy of the environment", Env: "HTTPS_PROXY", Field: "Proxy.Login",
				Text: "http://gateway:" + url.PathEscape(proxy) + "@proxy.invalid:3128", secrets: [][]byte{[]byte(proxy)}},
			{Name: "argument of a program", Key: "sensor.program",
				Text: argument, secrets: [][]byte{[]byte(argument)}},
			// deploy/image reads them; to the agent they are files that are not its own.
			{Name: "password of the web page", File: "web-password",
				Text: web, secrets: [][]byte{[]byte(web)}},
			{Name: "password of the Wi-Fi", File: "wifi-password",
				Text: wifi, secrets: [][]byte{[]byte(wifi)}},
		},
	}, nil
}

// random returns n bytes.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// phrase is a password with signs that spellings differ in.
func phrase() string {
	s := rand.Text()
	return s[:10] + " +/" + s[10:]
}

// token is a signature that nobody made with a key.
func token(host, device string) (text string, secrets [][]byte) {
	sig := random(32)
	b64 := base64.StdEncoding.EncodeToString(sig)
	return "SharedAccessSignature sr=" + host + "%2Fdevices%2F" + device + "&sig=" + url.QueryEscape(b64) + "&se=4070908800",
		[][]byte{sig, []byte(b64)}
}

// certificate makes one of a device that is good today, and its key.
func certificate(device string) (cert, key string, scalar *big.Int, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", "", nil, err
	}
	bytes, err := k.Bytes()
	if err != nil {
		return "", "", nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: device},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		return "", "", nil, err
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", raw), new(big.Int).SetBytes(bytes), nil
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// Spoilt is a text as a person or an editor may have damaged it.
type Spoilt struct{ How, Text string }

// Spoilt returns the text of a slot in damaged forms, and first as it is.
func (s Slot) Spoilt() []Spoilt {
	t := s.Text
	half := len(t) / 2
	var wide strings.Builder // as editors of Windows save what they call Unicode
	for _, r := range "\ufeff" + t {
		wide.WriteByte(byte(r))
		wide.WriteByte(byte(r >> 8))
	}
	return []Spoilt{
		{"whole", t},
		{"cut behind", t[:len(t)-max(5, len(t)/5)]},
		{"cut in half", t[:half]},
		{"cut before", t[half:]},
		{"in two lines", t[:half] + "\n" + t[half:]},
		{"in lines by part", strings.ReplaceAll(strings.ReplaceAll(t, ";", "\n"), "&", "\n")},
		{"with a strange sign", t[:half] + "!" + t[half:]},
		{"with a control character", t[:half] + "\x01" + t[half:]},
		{"without its signs", strings.Map(letters, t)},
		{"with every sign twice", strings.NewReplacer("=", "==", ":", "::", "-", "--").Replace(t)},
		{"in quotes", `"` + t + `"`},
		{"with a name before it", "password = \"" + t + "\"\n"},
		{"as 16 bits", wide.String()},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(t))},
		{"three times", t + "\n" + t + "\n" + t},
	}
}

func letters(r rune) rune {
	if strings.ContainsRune(":;=&-%@", r) {
		return -1
	}
	return r
}
