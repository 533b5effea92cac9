package agent

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"fieldpost/internal/config"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// maxSecretFile is more than any connection string or bundle of authorities needs, in bytes.
const maxSecretFile = 1 << 20

// fault is what is wrong with a file that the configuration names, or with what
// is in it.
type fault struct {
	key  string // of the configuration
	hint string
	err  error
}

func newFault(key, hint string, err error) *fault {
	var none *config.NoTextError
	switch {
	case errors.Is(err, fs.ErrPermission):
		hint = forbiddenHint()
	case errors.As(err, &none):
		hint = none.Hint()
	}
	return &fault{key, hint, err}
}

func (f *fault) Error() string { return f.key + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }
func (f *fault) Hint() string  { return f.hint }

// assemble reads all files that say who this gateway is, and tells of every one
// that cannot be used.
func assemble(hub config.Hub) (uplink.Identity, []*fault) {
	var faults []*fault
	add := func(f *fault) {
		if f != nil {
			faults = append(faults, f)
		}
	}
	id, f := readDevice(hub)
	add(f)
	id.RootCAs, f = readAuthorities(hub.CAFile)
	add(f)
	if hub.Address != "" {
		id = id.Via(hub.Address)
	}
	id.Plain = hub.SAS == "plain"
	if hub.CertificateFile != "" && hub.KeyFile != "" { // one alone is a fault of the configuration
		id.Certificate, f = readCertificate(hub)
		add(f)
	}
	if hub.SASTokenFile != "" {
		id.Token, f = readToken(hub.SASTokenFile)
		id.Key = auth.Key{}
		add(f)
	}
	return id, faults
}

// readDevice reads the connection string: hub and device, and the key unless
// another key of the configuration names what proves the device.
func readDevice(hub config.Hub) (uplink.Identity, *fault) {
	const key, hint = "hub.connection_string_file", "copy the device's primary connection string from the hub's registry into this file"
	cs, err := readConnectionString(hub.ConnectionStringFile)
	if err != nil {
		return uplink.Identity{}, newFault(key, hint, err)
	}
	id, err := uplink.NewIdentity(cs, nil)
	proven := hub.CertificateFile != "" || hub.KeyFile != "" || hub.SASTokenFile != "" || !id.Key.IsZero() || !id.Token.IsZero()
	switch {
	case err != nil:
		return id, newFault(key, hint, fmt.Errorf("%s: %w", hub.ConnectionStringFile, err))
	case !proven && cs.X509:
		return id, newFault(key, "set hub.certificate_file and hub.key_file",
			fmt.Errorf("%s: it says x509=true, and no certificate is configured", hub.ConnectionStringFile))
	case !proven:
		return id, newFault(key, hint, fmt.Errorf("%s: connection string has no SharedAccessKey", hub.ConnectionStringFile))
	}
	return id, nil
}

func readConnectionString(path string) (auth.ConnectionString, error) {
	text, err := readSmall(path)
	if err != nil {
		return auth.ConnectionString{}, err
	}
	cs, err := auth.ParseConnectionString(strings.TrimSpace(string(text)))
	if err != nil {
		return auth.ConnectionString{}, fmt.Errorf("%s: %w", path, err)
	}
	return cs, nil
}

// readAuthorities returns nil, which means the system's own, when path is empty.
func readAuthorities(path string) (*x509.CertPool, *fault) {
	const key, hint = "hub.ca_file", "a PEM file of certificate authorities, or leave the key out to trust the system's"
	if path == "" {
		return nil, nil
	}
	pem, err := readSmall(path)
	if err != nil {
		return nil, newFault(key, hint, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, newFault(key, hint, fmt.Errorf("%s: holds no PEM certificate", path))
	}
	return pool, nil
}

func readCertificate(hub config.Hub) (auth.Certificate, *fault) {
	const certKey, certHint = "hub.certificate_file", "a PEM file with the certificate that was issued for this device"
	const keyKey, keyHint = "hub.key_file", "a PEM file with the private key that the certificate in hub.certificate_file was issued for"
	cert, err := readSmall(hub.CertificateFile)
	if err != nil {
		return auth.Certificate{}, newFault(certKey, certHint, err)
	}
	key, err := readSmall(hub.KeyFile)
	if err != nil {
		return auth.Certificate{}, newFault(keyKey, keyHint, err)
	}
	c, err := auth.ParseCertificate(cert, key)
	switch {
	case errors.Is(err, auth.ErrBadCertificate):
		return c, newFault(certKey, certHint, fmt.Errorf("%s: %w", hub.CertificateFile, err))
	case err != nil:
		return c, newFault(keyKey, keyHint, fmt.Errorf("%s: %w", hub.KeyFile, err))
	}
	return c, nil
}

func readToken(path string) (auth.Token, *fault) {
	const key, hint = "hub.sas_token_file", "a SharedAccessSignature for this device, as az iot hub generate-sas-token prints it"
	text, err := readSmall(path)
	if err != nil {
		return auth.Token{}, newFault(key, hint, err)
	}
	token, err := auth.ParseToken(strings.TrimSpace(string(text)))
	if err != nil {
		return auth.Token{}, newFault(key, hint, fmt.Errorf("%s: %w", path, err))
	}
	return token, nil
}

// outOfTime tells of a certificate that is not good at now.
func outOfTime(hub config.Hub, id uplink.Identity, now time.Time) *fault {
	if id.Certificate.IsZero() {
		return nil
	}
	if err := id.Certificate.Valid(now); err != nil {
		return newFault("hub.certificate_file", "have a new one issued, or check the clock; it is used as soon as it is in place",
			fmt.Errorf("%s: %w", hub.CertificateFile, err))
	}
	return nil
}

// readSmall reads a text, without the mark that some editors begin one with: behind it
// the first certificate of a file would not be seen.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", path)
	case info.Size() > maxSecretFile:
		return nil, fmt.Errorf("%s: %d bytes, larger than anything expected here", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text, err := config.Text(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}
