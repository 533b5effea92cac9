package hub

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"time"
)

// AuthorityFile is where in Options.Dir the certificate authority of a hub is kept,
// as CAPEM has it, unless Options.Certificate takes its place.
const AuthorityFile = "ca.pem"

const (
	authorityKeyFile = "ca-key.pem"

	authorityLife = 10 * 365 * 24 * time.Hour
	serverLife    = 825 * 24 * time.Hour
	certBackdate  = time.Hour // a peer whose clock is a little slow still trusts us
)

// certificate returns the server's certificate, and what clients have to trust.
func (o Options) certificate() (tls.Certificate, []byte, error) {
	if o.Certificate != nil {
		return o.given()
	}
	a, err := openAuthority(o.Dir)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	cert, err := a.serverCertificate(o.HostName)
	return cert, a.certPEM, err
}

// given checks the certificate of the options.
func (o Options) given() (tls.Certificate, []byte, error) {
	cert := *o.Certificate
	if len(cert.Certificate) == 0 {
		return cert, nil, errors.New("server certificate: there is none in Options.Certificate")
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err == nil {
		err = leaf.VerifyHostname(o.HostName)
	}
	if err != nil {
		return cert, nil, fmt.Errorf("server certificate: %w", err)
	}
	last := cert.Certificate[len(cert.Certificate)-1]
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: last}), nil
}

// authority is the hub's own certificate authority.
type authority struct {
	cert    *x509.Certificate
	certPEM []byte
	key     *ecdsa.PrivateKey
}

// openAuthority reads the authority from dir, or makes one and keeps it there.
// An authority past its life is replaced.
func openAuthority(dir string) (*authority, error) {
	certPEM, err := readFile(dir, AuthorityFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := readFile(dir, authorityKeyFile)
	if err != nil {
		return nil, err
	}
	switch {
	case certPEM != nil && keyPEM == nil: // clients trust it, and nobody else can sign for it
		return nil, &DirError{Path: filepath.Join(dir, authorityKeyFile), Err: errors.New("missing: the key of " + AuthorityFile)}
	case certPEM != nil:
		a, err := parseAuthority(certPEM, keyPEM)
		if err != nil {
			return nil, &DirError{Path: filepath.Join(dir, AuthorityFile), Err: fmt.Errorf("certificate authority with its key %s: %w", authorityKeyFile, err)}
		}
		if time.Now().Before(a.cert.NotAfter) {
			return a, nil
		}
	}
	a, keyPEM, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	if err := writeFile(dir, authorityKeyFile, keyPEM); err != nil {
		return nil, err
	}
	if err := writeFile(dir, AuthorityFile, a.certPEM); err != nil {
		return nil, err
	}
	return a, nil
}

func newAuthority() (a *authority, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "fieldpost local hub CA"},
		NotBefore:             now.Add(-certBackdate),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	cert, certPEM, err := sign(template, template, key, key)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return &authority{cert: cert, certPEM: certPEM, key: key}, keyPEM, nil
}

func parseAuthority(certPEM, keyPEM []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an ECDSA key")
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, certPEM: certPEM, key: key}, nil
}

// serverCertificate signs a certificate for host, localhost and the loopback
// addresses. Its key lives in memory only: clients trust the authority.
func (a *authority) serverCertificate(host string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make server key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: host},
		NotBefore:   now.Add(-certBackdate),
		NotAfter:    now.Add(serverLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else if host != "localhost" {
		template.DNSNames = append(template.DNSNames, host)
	}
	cert, _, err := sign(template, a.cert, key, a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign server certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

func sign(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, []byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
