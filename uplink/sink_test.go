package uplink_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// sink accepts whatever it is sent and keeps nothing: a peer that is no part of
// what is measured.
type sink struct{}

func (sink) Authenticate(*amqpserver.Conn, string, []byte) error { return nil }
func (sink) Opened(*amqpserver.Conn) error                       { return nil }
func (sink) Closed(*amqpserver.Conn)                             {}

func (sink) Attach(l *amqpserver.Link) error {
	l.Credit, l.MaxMessageSize = 2000, 1<<20
	l.OnDelivery = func(d *amqpserver.Delivery) { d.Settle(wire.Accepted{}) }
	return nil
}

// serveSink prints where it listens and serves until its input ends.
func serveSink() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(day)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		_ = ln.Close()
	}()
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
	for {
		c, err := ln.Accept()
		if err != nil {
			return nil // the parent is done
		}
		go func() {
			_ = amqpserver.Serve(context.Background(), tls.Server(c, config), amqpserver.Options{Handler: sink{}})
		}()
	}
}

const day = 24 * time.Hour
