package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"

	"fieldpost/hub"
)

// authorityWord stands for a thumbprint where an authority vouches for a device.
const authorityWord = "ca"

// withX509 completes a registration by what the operator wrote: the word ca, or
// one or two thumbprints, each as digits or as a file with the certificate.
func withX509(g hub.Registration, texts []string) (hub.Registration, error) {
	if len(texts) == 1 && texts[0] == authorityWord {
		g.Auth = hub.AuthAuthority
		return g, nil
	}
	if len(texts) == 0 || len(texts) > 2 {
		return g, usagef("a device has one or two certificates, or the word %s, not %d", authorityWord, len(texts))
	}
	g.Auth = hub.AuthSelfSigned
	for i, place := range []*string{&g.PrimaryThumbprint, &g.SecondaryThumbprint} {
		if i == len(texts) {
			break
		}
		digits, err := thumbprint(texts[i])
		if err != nil {
			return g, err
		}
		*place = digits
	}
	return g, nil
}

// thumbprint returns text, or the thumbprint of the certificate in the file it
// names.
func thumbprint(text string) (string, error) {
	if strings.Trim(text, "0123456789abcdefABCDEF:") == "" {
		return text, nil
	}
	data, err := os.ReadFile(text)
	if err != nil {
		return "", configf("certificate: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", configf("certificate: %s holds none in PEM", text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", configf("certificate %s: %w", text, err)
	}
	return hub.Thumbprint(cert), nil
}

// serverCertificate reads the certificate of a hub that has one already.
func serverCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	if certFile == "" || keyFile == "" {
		return nil, usagef("--cert and --key go together")
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, configf("server certificate: %w", err)
	}
	return &cert, nil
}
