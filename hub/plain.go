package hub

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"
	"strings"

	"fieldpost/internal/amqpserver/wire"
)

// SASL mechanisms.
const (
	mechanismExternal  = "EXTERNAL"
	mechanismPlain     = "PLAIN"
	mechanismAnonymous = "ANONYMOUS"
	mechanismCBS       = "MSSBCBS"
)

// saslMechanisms are in the order of the cloud's first gateway.
func saslMechanisms() []wire.Symbol {
	return []wire.Symbol{mechanismExternal, mechanismCBS, mechanismAnonymous, mechanismPlain}
}

// saslWelcome is what that gateway says to a peer it lets in.
const saslWelcome = "Welcome!"

// authenticate judges the SASL response of a connection. ANONYMOUS and MSSBCBS
// say nothing: $cbs comes later.
func (p *peer) authenticate(mechanism string, response []byte) error {
	switch mechanism {
	case mechanismAnonymous, mechanismCBS:
		return nil
	case mechanismExternal:
		return p.external()
	case mechanismPlain:
		c, err := p.hub.plain(response)
		if err != nil {
			p.hub.log.Info("sasl plain refused", "peer", p.conn.RemoteAddr(), "error", short(err.Error()))
			return err
		}
		p.bind(c)
		return nil
	default:
		return fmt.Errorf("sasl mechanism %.40q is not offered", mechanism)
	}
}

// plain returns the claim a PLAIN response makes. The user is one of
//
//	{device}@sas.{hub}          password: a token for the device
//	{device}/{module}@sas.{hub} password: a token for the module
//	{policy}@sas.root.{hub}     password: a token of the policy
//	{policy}                    password: the key of the policy; for the entity alone
func (h *Hub) plain(response []byte) (*claim, error) {
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 {
		return nil, errors.New("plain response has not three parts")
	}
	user, password := string(parts[1]), string(parts[2])
	at := strings.LastIndex(user, "@sas.")
	if at < 0 {
		return h.plainKey(user, password)
	}
	name, domain := user[:at], user[at+len("@sas."):]
	c, err := h.verify(password)
	if err != nil {
		return nil, err
	}
	switch hubName := h.names.hub(); {
	case strings.EqualFold(domain, hubName):
		res := plainResource(name)
		if !c.allows(res, deviceConnect, h.faults.now()) {
			return nil, fmt.Errorf("token is not for device %q", name)
		}
		return &claim{resource: res, rights: deviceConnect, ends: c.ends, policy: c.policy, device: c.device}, nil
	case strings.EqualFold(domain, "root."+hubName):
		if c.policy != name {
			return nil, fmt.Errorf("token is not of policy %q", name)
		}
		return c, nil
	default:
		return nil, fmt.Errorf("user %q is not of hub %q", user, hubName)
	}
}

// plainResource is what the user name of a device or a module stands for; some
// clients write the word "modules" between the two.
func plainResource(name string) resource {
	id, module, _ := strings.Cut(name, "/")
	if module == "" {
		return resource{"devices", id}
	}
	if word, rest, found := strings.Cut(module, "/"); found && strings.EqualFold(word, "modules") {
		module = rest
	}
	return resource{"devices", id, "modules", module}
}

// plainKey is the way into the entity for clients that know nothing but a
// policy and its key.
func (h *Hub) plainKey(name, key string) (*claim, error) {
	p, ok := h.registry.policies[name]
	if !ok {
		return nil, fmt.Errorf("policy %q is not known", name)
	}
	if !hmac.Equal([]byte(key), []byte(p.primary.Base64())) && !hmac.Equal([]byte(key), []byte(p.secondary.Base64())) {
		return nil, fmt.Errorf("password is not a key of policy %q", name)
	}
	return &claim{resource: resource{entityName}, rights: p.rights, policy: name}, nil
}
