package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/uplink/auth"
)

func TestDiagnose(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	synced := clock.Stamp{Wall: now, Trust: clock.TrustSynced}
	at1970 := clock.Stamp{Wall: time.Unix(100, 0), Trust: clock.TrustNone}
	young := &x509.Certificate{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	verify := func(err error) error {
		return fmt.Errorf("dial: %w", &tls.CertificateVerificationError{Err: err})
	}
	remote := func(cond amqp.ErrCond, text string) error {
		return &amqp.LinkError{RemoteErr: &amqp.Error{Condition: cond, Description: text}}
	}
	for _, v := range []struct {
		name  string
		err   error
		at    clock.Stamp
		cause string
		hint  string
		slow  bool
		ref   bool
	}{
		{"no file", &noIdentityError{os.ErrNotExist}, synced, CauseIdentity, "connection_string_file", false, true},
		{"unknown authority", verify(x509.UnknownAuthorityError{}), synced, CauseIdentity, "ca_file", false, true},
		{"other host", verify(x509.HostnameError{Host: "h"}), synced, CauseIdentity, "HostName", false, true},
		{"not yet valid in 1970", verify(x509.CertificateInvalidError{Cert: young, Reason: x509.Expired}), at1970, CauseIdentity, "clock", false, true},
		{"expired", verify(x509.CertificateInvalidError{Cert: young, Reason: x509.Expired}), clock.Stamp{Wall: now.Add(2 * time.Hour), Trust: clock.TrustSynced}, CauseIdentity, "expired", false, true},
		{"no TLS there", fmt.Errorf("dial: %w", tls.RecordHeaderError{Msg: "first record"}), synced, CauseNetwork, "does not speak TLS", false, false},
		{"401", &auth.RefusedError{Status: 401}, synced, CauseIdentity, "key", false, true},
		{"401 in 1970", &auth.RefusedError{Status: 401}, at1970, CauseIdentity, "clock", false, true},
		{"500 at $cbs", &auth.RefusedError{Status: 500}, synced, CauseHub, "", true, false},
		{"token expired", remote(amqp.ErrCondUnauthorizedAccess, "Token Expired"), synced, CauseIdentity, "key", false, true},
		{"unknown device", remote(amqp.ErrCondNotFound, ""), synced, CauseIdentity, "registered", false, true},
		{"throttled", remote(condThrottled, ""), synced, CauseHub, "quota", true, false},
		{"throttled by code", remote(amqp.ErrCondInternalError, `{"errorCode":429001,"message":"slow down"}`), synced, CauseHub, "quota", true, false},
		{"stolen", remote(amqp.ErrCondStolen, ""), synced, CauseIdentity, "another client", false, false},
		{"stolen in words", remote(amqp.ErrCondInternalError, "Another AMQP Client has opened a Receive Link"), synced, CauseIdentity, "another client", false, false},
		{"forced", &amqp.ConnError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondConnectionForced}}, synced, CauseHub, "", false, false},
		{"connection lost", &amqp.ConnError{}, synced, CauseNetwork, "", false, false},
		{"name", &net.DNSError{Err: "no such host", Name: "h"}, synced, CauseNetwork, "DNS", false, false},
		{"refused", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, synced, CauseNetwork, "firewall", false, false},
		{"no route", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}, synced, CauseNetwork, "route", false, false},
		{"deadline", fmt.Errorf("open: %w", context.DeadlineExceeded), synced, CauseNetwork, "no answer", false, false},
		{"something else", errors.New("odd"), synced, CauseHub, "", false, false},
	} {
		d := diagnose(v.err, v.at)
		if d.cause != v.cause || d.slow != v.slow || d.refused != v.ref || !strings.Contains(d.hint, v.hint) ||
			d.twice != (v.hint == "another client") {
			t.Errorf("%s: %+v", v.name, d)
		}
	}
}

func TestWordsOfTheHub(t *testing.T) {
	err := fmt.Errorf("attach: %w", &amqp.LinkError{RemoteErr: &amqp.Error{
		Condition: amqp.ErrCondNotFound, Description: `{"errorCode":404006,"trackingId":"x","message":"no such address"}`}})
	if got := words(err); got != "attach: amqp:not-found: no such address" {
		t.Errorf("words: %q", got)
	}
	if got := words(errors.New("plain")); got != "plain" {
		t.Errorf("words: %q", got)
	}
}

func TestClockStepped(t *testing.T) {
	wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	then := clock.Stamp{BootTime: time.Hour, Wall: wall}
	for _, v := range []struct {
		passed, moved time.Duration
		want          bool
	}{
		{time.Hour, time.Hour, false},
		{time.Hour, time.Hour + 29*time.Second, false},
		{time.Hour, time.Hour + 31*time.Second, true},
		{time.Minute, -time.Minute, true},
		{0, 56 * 365 * 24 * time.Hour, true},
	} {
		now := clock.Stamp{BootTime: then.BootTime + v.passed, Wall: wall.Add(v.moved)}
		if got := clockStepped(then, now); got != v.want {
			t.Errorf("%s passed, clock moved %s: %t", v.passed, v.moved, got)
		}
	}
}
