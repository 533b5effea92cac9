package hub

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// testKey is the bytes 0 to 31. The signatures below were made with Python's
// hmac module.
const testKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

const (
	deviceToken  = "SharedAccessSignature sr=localhost%2Fdevices%2Fdev1&sig=wmTZQs8Wudfk1rVeMlBkfVrTtf3A9xQR92gFc4mHbDI%3D&se=4102444800"
	serviceToken = "SharedAccessSignature sr=localhost&sig=0mGi7VJuGEQ1E%2BD8QUKkI6dDY60bQpvVmADkifVbjiE%3D&se=4102444800&skn=service"
)

// signingHub is a hub whose device dev1 and policy service sign with testKey, in
// the places asked for.
func signingHub(t testing.TB, secondary bool) *Hub {
	t.Helper()
	h, err := New(Options{Listen: "none"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddDevice("dev1"); err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(testKey)
	if err != nil {
		t.Fatal(err)
	}
	d, p := h.registry.devices["dev1"], h.registry.policies["service"]
	if secondary {
		d.secondary, p.secondary = key, key
	} else {
		d.primary, p.primary = key, key
	}
	h.registry.policies["service"] = p
	return h
}

func TestVerifyVectors(t *testing.T) {
	vectors := []struct {
		name, token, resource string
		rights                right
	}{
		{"device", deviceToken, "devices/dev1", deviceConnect},
		{"lower-case escapes", "SharedAccessSignature sr=localhost%2fdevices%2fdev1&sig=LEN8TRaXIEFED7m1BdunWRxWZgVlirC0obmSGRbLCV4%3D&se=4102444800", "devices/dev1", deviceConnect},
		{"not escaped", "SharedAccessSignature sr=localhost/devices/dev1&sig=fVlO6QFi7YuMj9jZKD3ryvOcXfMA7ueNJfYPtSaSCpE%3D&se=4102444800", "devices/dev1", deviceConnect},
		{"other order and case", "sharedaccesssignature SE=4102444800&Sig=wmTZQs8Wudfk1rVeMlBkfVrTtf3A9xQR92gFc4mHbDI%3D&sr=localhost%2Fdevices%2Fdev1", "devices/dev1", deviceConnect},
		{"signature not escaped", "SharedAccessSignature sr=localhost&sig=0mGi7VJuGEQ1E+D8QUKkI6dDY60bQpvVmADkifVbjiE=&se=4102444800&skn=service", "", serviceConnect},
		{"service", serviceToken, "", serviceConnect},
		{"entity, signed with the text of the key", "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%2Ffieldpost%2FConsumerGroups%2F%24Default%2FPartitions%2F0&sig=o2iqws6vVqTTeXzHex1Q6TeumpDaaw5S13NJLDSpCPk%3D&se=4102444800&skn=service", "fieldpost/ConsumerGroups/$Default/Partitions/0", serviceConnect},
	}
	for _, secondary := range []bool{false, true} {
		h := signingHub(t, secondary)
		for _, v := range vectors {
			t.Run(fmt.Sprintf("%s/secondary=%v", v.name, secondary), func(t *testing.T) {
				c, err := h.verify(v.token)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(c.resource, "/"); got != v.resource || c.rights != v.rights {
					t.Errorf("claim on %q with rights %b, want %q and %b", got, c.rights, v.resource, v.rights)
				}
			})
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	h := signingHub(t, false)
	cases := map[string]string{
		"empty":                               "",
		"no prefix":                           deviceToken[len(sasPrefix):],
		"no signature":                        "SharedAccessSignature sr=localhost%2Fdevices%2Fdev1&se=4102444800",
		"no resource":                         "SharedAccessSignature sig=AAAA&se=4102444800",
		"no expiry":                           "SharedAccessSignature sr=localhost%2Fdevices%2Fdev1&sig=AAAA",
		"expiry no number":                    strings.Replace(deviceToken, "4102444800", "tomorrow", 1),
		"expiry overflows":                    strings.Replace(deviceToken, "4102444800", "99999999999999999999", 1),
		"expiry changed":                      strings.Replace(deviceToken, "4102444800", "4102444801", 1),
		"bad base64":                          strings.Replace(deviceToken, "wmTZ", "w*TZ", 1),
		"bad escape":                          strings.Replace(deviceToken, "%3D", "%3", 1),
		"signature changed":                   strings.Replace(deviceToken, "wmTZ", "xmTZ", 1),
		"field twice":                         deviceToken + "&se=4102444800",
		"other device":                        strings.Replace(deviceToken, "dev1", "dev2", 1),
		"other case of id":                    strings.Replace(deviceToken, "dev1", "Dev1", 1),
		"other host":                          strings.Replace(deviceToken, "localhost", "example", 1),
		"escapes recoded":                     strings.Replace(deviceToken, "%2F", "%2f", 1),
		"unknown policy":                      serviceToken + "s",
		"another policy":                      strings.Replace(serviceToken, "skn=service", "skn=device", 1),
		"policy left out":                     strings.Replace(serviceToken, "&skn=service", "", 1),
		"entity, signed with the decoded key": "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%2Ffieldpost%2FConsumerGroups%2F%24Default%2FPartitions%2F0&sig=hS6Abw3gt9cpgWx1sqIR%2FBbw6EfbCtdh2EF41gF6Ftw%3D&se=4102444800&skn=service",
		"too long":                            deviceToken + "&x=" + strings.Repeat("a", maxToken),
	}
	for name, token := range cases {
		if _, err := h.verify(token); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestVerifyAllowsForClockSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := signingHub(t, false)
		time.Sleep(time.Until(time.Unix(4102444800, 0).Add(5*time.Minute - time.Second)))
		if _, err := h.verify(deviceToken); err != nil {
			t.Errorf("within the skew: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := h.verify(deviceToken); err == nil {
			t.Error("accepted at the end of the skew")
		}
	})
}

func TestVerifyDisabledDevice(t *testing.T) {
	h := signingHub(t, false)
	if err := h.DisableDevice("dev1"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.verify(deviceToken); err == nil {
		t.Error("token of a disabled device accepted")
	}
	if err := h.EnableDevice("dev1"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.verify(deviceToken); err != nil {
		t.Error(err)
	}
}

func FuzzParseSAS(f *testing.F) {
	f.Add(deviceToken)
	f.Add(serviceToken)
	f.Add("SharedAccessSignature sr=%&sig=&se=-1&&=")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parseSAS(text)
		if err == nil && (token.expiry.Unix() < 0 || len(token.signed) == 0) {
			t.Errorf("%q gives %+v", text, token)
		}
	})
}

func TestKeyPrintsRedacted(t *testing.T) {
	k, err := ParseKey(testKey)
	if err != nil {
		t.Fatal(err)
	}
	js, err := json.Marshal(Device{PrimaryKey: k})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %q %x %d", k, k, k, k, k, k, k), fmt.Sprintf("%#v", Device{PrimaryKey: k}), string(js)} {
		if !strings.Contains(text, "redacted") || strings.Contains(text, "AAECAw") || strings.Contains(text, "0001") {
			t.Errorf("key prints as %s", text)
		}
	}
	if k.Base64() != testKey {
		t.Error("Base64 does not give the key")
	}
}

func TestRegeneratedKeysAndTheOtherOne(t *testing.T) {
	h := signingHub(t, true)
	good := func(after string, want bool) {
		t.Helper()
		if _, err := h.verify(deviceToken); (err == nil) != want {
			t.Errorf("%s: %v", after, err)
		}
	}
	before := h.Devices()[0]
	d, err := h.RegenerateKeys("dev1", RegeneratePrimary)
	if err != nil || d.PrimaryKey == before.PrimaryKey || d.SecondaryKey != before.SecondaryKey {
		t.Fatalf("%+v, %v", d, err)
	}
	good("the primary key regenerated", true)
	if d, err = h.RegenerateKeys("dev1", SwapKeys); err != nil || d.PrimaryKey.Base64() != testKey {
		t.Fatalf("%+v, %v", d, err)
	}
	good("the keys swapped", true)
	if _, err = h.RegenerateKeys("dev1", RegenerateSecondary); err != nil {
		t.Fatal(err)
	}
	good("the other key regenerated", true)
	if _, err = h.RegenerateKeys("dev1", RegeneratePrimary); err != nil {
		t.Fatal(err)
	}
	good("its own key regenerated", false)
	if _, err = h.RegenerateKeys("dev1", "both"); err == nil {
		t.Error("an unknown change is done")
	}
}
