package agent

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"fieldpost/internal/config"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// maxSecretFile is more than any connection string or bundle of authorities needs, in bytes.
const maxSecretFile = 1 << 20

// identity reads who this gateway is at every attempt to connect, so that a key
// or an authority put in place later is found without a restart.
type identity struct {
	hub config.Hub

	mu     sync.Mutex
	device string // the device id read last, for tenants that need it in their addresses
}

var errNoHub = errors.New("no hub is configured: hub.connection_string_file is not set")

// read returns the identity as the files say now. Errors name the key of the
// configuration and the file, never its content.
func (i *identity) read() (uplink.Identity, error) {
	if i.hub.ConnectionStringFile == "" {
		return uplink.Identity{}, errNoHub
	}
	cs, err := readConnectionString(i.hub.ConnectionStringFile)
	if err != nil {
		return uplink.Identity{}, fmt.Errorf("hub.connection_string_file: %w", err)
	}
	roots, err := readAuthorities(i.hub.CAFile)
	if err != nil {
		return uplink.Identity{}, fmt.Errorf("hub.ca_file: %w", err)
	}
	id, err := uplink.NewIdentity(cs, roots)
	if err != nil {
		return uplink.Identity{}, fmt.Errorf("hub.connection_string_file: %s: %w", i.hub.ConnectionStringFile, err)
	}
	if i.hub.Address != "" {
		id.Addr = i.hub.Address
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.device = id.DeviceID
	return id, nil
}

// deviceID returns the device id of the identity read last, or "".
func (i *identity) deviceID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.device
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
func readAuthorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: holds no PEM certificate", path)
	}
	return pool, nil
}

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
	return os.ReadFile(path)
}
