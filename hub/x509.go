package hub

import (
	"crypto/x509"
	"errors"
	"fmt"
)

// maxChain bounds what a peer may send of certificates, in bytes: they stay in
// memory as long as its connection.
const maxChain = 32 << 10

// boundChain refuses a chain that is too long. It judges nothing else: which
// device a certificate is for is not known yet.
func boundChain(raw [][]byte, _ [][]*x509.Certificate) error {
	size := 0
	for _, der := range raw {
		size += len(der)
	}
	if size > maxChain {
		return fmt.Errorf("client certificates of %d bytes, at most %d are taken", size, maxChain)
	}
	return nil
}

// certificates returns the chain the peer proved in the TLS handshake, its own
// certificate first.
func (p *peer) certificates() []*x509.Certificate {
	if c, ok := p.conn.NetConn().(*client); ok {
		return c.chain
	}
	return nil
}

// external answers SASL EXTERNAL. Which device the certificate is for, the first
// link says, as without a SASL layer.
func (p *peer) external() error {
	if len(p.certificates()) == 0 {
		return errors.New("external without a client certificate")
	}
	return nil
}

// certify returns the claim that the peer's certificate gives to an identity, or
// nil. The connection is bound to the first: it carries one device.
func (p *peer) certify(name string) *claim {
	chain := p.certificates()
	if len(chain) == 0 {
		return nil
	}
	d, own, err := p.hub.registry.credentials(name)
	if err != nil {
		return nil
	}
	switch own.auth {
	case AuthSelfSigned:
		if !own.hasThumbprint(chain[0]) {
			return nil
		}
	case AuthAuthority:
		if !p.hub.vouchedFor(chain, name) {
			return nil
		}
	default:
		return nil
	}
	res := resource{"devices", d.id}
	if d.module != "" {
		res = append(res, "modules", d.module)
	}
	c := &claim{resource: res, rights: deviceConnect, x509: true, device: d}
	if !p.bindAlone(c) {
		return nil
	}
	return c
}

// vouchedFor reports whether an authority of the devices stands behind the chain
// and its first certificate names the identity: DEVICE, or DEVICE/MODULE.
func (h *Hub) vouchedFor(chain []*x509.Certificate, name string) bool {
	if h.opts.DeviceCAs == nil || chain[0].Subject.CommonName != name {
		return false
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         h.opts.DeviceCAs,
		Intermediates: between,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}
