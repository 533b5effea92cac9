package hub

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// sasToken is a shared access signature as received. It is not yet verified.
type sasToken struct {
	resource  string // decoded sr
	signed    string // what the signature is over: raw sr, newline, raw se
	signature []byte
	expiry    time.Time
	policy    string // skn; "" means the device's own key
}

const sasPrefix = "SharedAccessSignature "

// maxToken bounds the text of a token, in bytes.
const maxToken = 4096

// parseSAS takes a token apart. Errors never quote it.
func parseSAS(text string) (sasToken, error) {
	if len(text) > maxToken {
		return sasToken{}, errors.New("token is too long")
	}
	if len(text) < len(sasPrefix) || !strings.EqualFold(text[:len(sasPrefix)], sasPrefix) {
		return sasToken{}, errors.New("token is not a SharedAccessSignature")
	}
	raw := make(map[string]string)
	for _, field := range strings.Split(text[len(sasPrefix):], "&") {
		name, value, _ := strings.Cut(field, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := raw[name]; twice {
			return sasToken{}, fmt.Errorf("token has field %q twice", name)
		}
		raw[name] = value
	}
	for _, name := range []string{"sr", "sig", "se"} {
		if raw[name] == "" {
			return sasToken{}, fmt.Errorf("token has no field %q", name)
		}
	}
	t := sasToken{signed: raw["sr"] + "\n" + raw["se"]}
	var err error
	if t.resource, err = url.PathUnescape(raw["sr"]); err != nil {
		return sasToken{}, errors.New("token field \"sr\" is not percent-encoded")
	}
	signature, err := url.PathUnescape(raw["sig"])
	if err == nil {
		t.signature, err = base64.StdEncoding.DecodeString(signature)
	}
	if err != nil {
		return sasToken{}, errors.New("token field \"sig\" is not base64")
	}
	seconds, err := strconv.ParseInt(raw["se"], 10, 64)
	if err != nil || seconds < 0 || seconds > maxExpiry {
		return sasToken{}, errors.New("token field \"se\" is not a time in seconds")
	}
	t.expiry = time.Unix(seconds, 0)
	if t.policy, err = url.PathUnescape(raw["skn"]); err != nil {
		return sasToken{}, errors.New("token field \"skn\" is not percent-encoded")
	}
	return t, nil
}

// maxExpiry is the end of the year 9999: what lies beyond is no time.
const maxExpiry = 253402300799

// signedBy reports whether key made the signature.
func (t sasToken) signedBy(key Key) bool {
	if key.raw == "" {
		return false
	}
	mac := hmac.New(sha256.New, []byte(key.raw))
	mac.Write([]byte(t.signed))
	return hmac.Equal(mac.Sum(nil), t.signature)
}

// verify checks a token against the keys and the time.
func (h *Hub) verify(text string) (*claim, error) {
	t, err := parseSAS(text)
	if err != nil {
		return nil, err
	}
	res, ok := h.names.parseAudience(t.resource)
	if !ok {
		return nil, fmt.Errorf("token is for another host than %s", h.HostName())
	}
	res = h.registry.canonical(res)
	c := &claim{resource: res, policy: t.policy, ends: t.expiry.Add(h.opts.ClockSkew)}
	var primary, secondary Key
	if t.policy != "" {
		p, ok := h.registry.policies[t.policy]
		if !ok {
			return nil, fmt.Errorf("policy %q is not known", t.policy)
		}
		primary, secondary, c.rights = p.primary, p.secondary, p.rights
		if res.isEntity() {
			primary, secondary = primary.asText(), secondary.asText()
		}
	} else {
		name := res.identity()
		if name == "" {
			return nil, errors.New("token names neither a device nor a policy")
		}
		d, own, err := h.registry.credentials(name)
		if err != nil {
			return nil, err
		}
		if own.auth != AuthSAS {
			return nil, &barredError{name, h.names.hub(), "authenticates by " + string(own.auth) + ", not by token"}
		}
		c.device, primary, secondary, c.rights = d, own.primary, own.secondary, deviceConnect
	}
	if !t.signedBy(primary) && !t.signedBy(secondary) {
		return nil, errors.New("the token signature matches neither the primary nor the secondary key")
	}
	if !h.faults.now().Before(c.ends) {
		return nil, fmt.Errorf("token expired at %s", t.expiry.UTC().Format(time.RFC3339))
	}
	return c, nil
}
