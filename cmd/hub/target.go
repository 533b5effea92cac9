package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"

	"fieldpost/internal/service"
	"fieldpost/uplink/auth"
)

// target are the flags that say which hub to talk to.
type target struct {
	hub, connectionFile, ca, keyLog string
	socket                          socketFlags

	file hubFile // of a local hub, once options has read it
}

func (t *target) define(flags *flag.FlagSet) {
	flags.StringVar(&t.hub, "hub", "", "`FILE` with the line that hub serve --json printed")
	flags.StringVar(&t.socket.dir, "dir", "", "`DIR` of a hub that runs here, instead of --hub: it is asked")
	flags.StringVar(&t.socket.control, "control", "", "`PATH` of the control socket of a hub that runs here, instead of --hub")
	flags.StringVar(&t.connectionFile, "connection-file", "", "`FILE` with a service connection string, instead of --hub")
	flags.StringVar(&t.ca, "ca", "", "`FILE` with the authority that vouches for the hub, PEM; default the system's")
	flags.StringVar(&t.keyLog, "keylog", "", "`FILE` that gets the TLS secrets, for tshark")
}

// dial connects as the flags say. The returned function closes everything.
func (t *target) dial(ctx context.Context) (*service.Client, func(), error) {
	opts, err := t.options(ctx)
	if err != nil {
		return nil, nil, err
	}
	closeLog := func() {}
	if t.keyLog != "" {
		log, err := openKeyLog(t.keyLog)
		if err != nil {
			return nil, nil, err
		}
		opts.KeyLog, closeLog = log, func() { log.Close() }
	}
	client, err := service.Dial(ctx, opts)
	if err != nil {
		closeLog()
		return nil, nil, t.explain(err)
	}
	return client, func() { client.Close(); closeLog() }, nil
}

func (t *target) options(ctx context.Context) (service.Options, error) {
	given := 0
	for _, text := range []string{t.hub, t.socket.dir, t.socket.control, t.connectionFile} {
		if text != "" {
			given++
		}
	}
	switch {
	case given == 0:
		return service.Options{}, usagef("which hub? give --hub FILE, --dir DIR, --control PATH or --connection-file FILE")
	case given > 1:
		return service.Options{}, usagef("--hub, --dir, --control and --connection-file exclude each other")
	case t.connectionFile == "":
		return t.local(ctx)
	}
	text, err := os.ReadFile(t.connectionFile)
	if err != nil {
		return service.Options{}, configf("connection file: %w", err)
	}
	if json.Valid(text) {
		return service.Options{}, &hinted{configf("connection file %s is JSON", t.connectionFile), "what hub serve --json printed is for --hub"}
	}
	opts := service.Options{ConnectionString: string(text)}
	if t.ca != "" {
		opts.RootCAs, err = readCA(t.ca)
	}
	return opts, err
}

// local makes the options of a hub of this machine, which says itself where it is.
func (t *target) local(ctx context.Context) (service.Options, error) {
	var err error
	if t.hub != "" {
		t.file, err = readHubFile(t.hub)
	} else {
		t.file, err = controlClient{t.socket.path()}.file(ctx)
	}
	if err != nil {
		return service.Options{}, err
	}
	ca := t.file.CA
	if t.ca != "" {
		ca = t.ca
	}
	opts := service.Options{ConnectionString: t.file.Service, Addr: dialable(t.file.Listen)}
	if ca != "" {
		opts.RootCAs, err = readCA(ca)
	}
	return opts, err
}

// dialable returns addr unless it is a wildcard, which cannot be dialed.
func dialable(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return ""
	}
	return addr
}

// readCA takes PEM text, or the path of a file with it.
func readCA(s string) (*x509.CertPool, error) {
	text := []byte(s)
	name := "the hub file's ca"
	if !strings.Contains(s, "-----BEGIN") {
		var err error
		if text, err = os.ReadFile(s); err != nil {
			return nil, configf("certificate authority: %w", err)
		}
		name = s
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, configf("certificate authority: %s holds no certificate in PEM", name)
	}
	return pool, nil
}

func openKeyLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, configf("key log: %w", err)
	}
	return f, nil
}

// explain says which file is at fault, or what the next move is.
func (t *target) explain(err error) error {
	if t.connectionFile != "" && errors.Is(err, service.ErrConfig) {
		return fmt.Errorf("connection file %s: %w", t.connectionFile, err)
	}
	return explainDial(err)
}

// explainDial adds the next move to the failures that beginners meet.
func explainDial(err error) error {
	var refused *auth.RefusedError
	var unknown x509.UnknownAuthorityError
	var network *net.OpError
	switch {
	case errors.As(err, &refused) && refused.Identity():
		return &hinted{err, "the key does not fit the policy, or this machine's clock is wrong"}
	case errors.As(err, &unknown):
		return &hinted{err, "a local hub has an authority of its own, new at each start without --dir: give the --hub FILE or --ca FILE of this one"}
	case errors.As(err, &network) && network.Op == "dial":
		return &hinted{err, "is the hub running? hub serve starts a local one"}
	default:
		return fmt.Errorf("%w", err)
	}
}
