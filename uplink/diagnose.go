package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/uplink/auth"
)

// diagnosis is what an error means: which part is broken, what a person should
// do, and how soon another attempt makes sense.
type diagnosis struct {
	cause   string
	hint    string
	refused bool // about who we are: asking again changes nothing by itself
	token   bool // refused for what the token says: another one may be taken
	slow    bool // the hub wants less of us
	twice   bool // another client is connected with our identity
}

// Conditions that IoT hubs use beside those of the AMQP specification.
const (
	condTimeout       amqp.ErrCond = "com.microsoft:timeout"
	condThrottled     amqp.ErrCond = "com.microsoft:device-container-throttled"
	condServerBusy    amqp.ErrCond = "com.microsoft:server-busy"
	condQuotaExceeded amqp.ErrCond = "com.microsoft:quota-exceeded"
	condHubSuspended  amqp.ErrCond = "com.microsoft:iot-hub-suspended"
	condHubNotFound   amqp.ErrCond = "com.microsoft:iot-hub-not-found-error"
	condArgumentError amqp.ErrCond = "com.microsoft:argument-error"
	condArgumentRange amqp.ErrCond = "com.microsoft:argument-out-of-range"
	condLinkConflict  amqp.ErrCond = "com.microsoft:link-creation-conflict"
)

// otherClient is how a hub words an internal error that means: this device id
// is connected twice.
const otherClient = "Another AMQP Client"

const (
	hintKey         = "check the key or the certificate and the device id in the connection string, and that the device is enabled at the hub"
	hintCertificate = "register this certificate's thumbprint for the device, or have its authority known to the hub"
	hintGiven       = "the hub does not take the given token: put one in place that is for this device and signed with its key"
	hintClock       = "the clock of this machine is wrong or not set: timedatectl tells"
	hintUndated     = "the clock of this machine is not set, and tokens are dated with it: set it first (timedatectl tells); should it stay, check the key and the device id in the connection string"
	hintTwice       = "another client is connected with this device id: one identity belongs to one device; find the other, or give each a device of its own"
	hintShortLives  = "the hub lets us in and hangs up soon after, again and again: the line is bad, or another client is connected with this device id"
	hintLearned     = "the clock of this machine is behind the certificate of the hub, whose date it goes by from here on"
	hintStalled     = "everything is made anew; should it come again, the hub or something on the way to it is stuck"
	hintFraming     = "it is made again by itself; should it stay, check what listens at this host and port, and what is in between"
	hintMute        = "connections are taken there and TLS gets no answer: check what listens at this host and port, and whether large packets get through (MTU)"
	hintUnheard     = "the hub is reached and does not take what is sent: the records are kept and sent again, under the same message-id, by itself"
	hintUnended     = "the hub answers some requests and not others: it is tried again by itself"
	hintAbandoned   = "a call into the system does not return: check DNS and disk; should it stay, restart the agent"
	hintUnknown     = "the hub does not know this device or address: check HostName and DeviceId, and that the device is registered and enabled"
	hintSuspended   = "the hub is suspended: check the subscription"
	hintUnfit       = "the hub does not take what this agent asks of it: check the tier of the hub, and for a newer agent"
	hintPasses      = "trouble inside the hub, or it moves: it is tried again by itself"
	hintBroken      = "the hub ended it for a reason of its own; it is made again by itself"
	hintSlower      = "the hub's quota or rate is used up: it recovers by itself, or the hub needs more units"
)

// noIdentityError is what LinkOptions.Identity said.
type noIdentityError struct{ cause error }

func (e *noIdentityError) Error() string { return "no identity: " + e.cause.Error() }
func (e *noIdentityError) Unwrap() error { return e.cause }

func diagnose(err error, now clock.Stamp) diagnosis {
	var (
		known    *explained
		none     *noIdentityError
		verify   *tls.CertificateVerificationError
		refusal  *auth.RefusedError
		remote   *amqp.Error
		conn     *amqp.ConnError
		record   tls.RecordHeaderError
		netError net.Error
		stall    *stallError
		framing  *framingError
	)
	switch {
	case errors.As(err, &stall):
		return diagnosis{cause: CauseHub, hint: hintStalled}
	case errors.As(err, &framing):
		return diagnosis{cause: CauseHub, hint: hintFraming}
	case errors.As(err, &known):
		return known.diagnosis
	case errors.As(err, &none):
		if errors.Is(err, errAbandoned) {
			return diagnosis{cause: CauseIdentity, hint: hintAbandoned}
		}
		return diagnosis{cause: CauseIdentity, refused: true, hint: hintOf(none, "check connection_string_file and ca_file")}
	case errors.Is(err, errAbandoned):
		return diagnosis{cause: CauseNetwork, hint: hintAbandoned}
	case errors.As(err, &verify):
		return diagnosis{cause: CauseIdentity, refused: true, hint: certificateHint(verify, now)}
	case errors.As(err, &refusal):
		return diagnoseRefusal(refusal, now)
	case errors.As(err, &remote):
		return diagnoseRemote(remote, now)
	case errors.As(err, &record):
		return diagnosis{cause: CauseNetwork, hint: "what answers there does not speak TLS: check HostName and port, and for a proxy in between"}
	case errors.As(err, &conn):
		return diagnosis{cause: CauseNetwork, hint: "the connection was closed; it is made again by itself"}
	case errors.Is(err, errUnheard), errors.Is(err, errNoCredit):
		return diagnosis{cause: CauseHub, hint: hintUnheard}
	case errors.Is(err, errUnended):
		return diagnosis{cause: CauseHub, hint: hintUnended}
	case errors.As(err, &netError), errors.Is(err, context.DeadlineExceeded):
		return diagnosis{cause: CauseNetwork, hint: networkHint(err)}
	default:
		return diagnosis{cause: CauseHub}
	}
}

// diagnoseRefusal reads the answer of $cbs. Asking it again soon makes nothing
// better, whatever the reason.
func diagnoseRefusal(e *auth.RefusedError, now clock.Stamp) diagnosis {
	d, ok := diagnoseCode(hubErrorCode(e.Description), now)
	switch {
	case ok:
		d.slow = d.slow || !d.refused && !d.twice
		return d
	case e.Identity():
		return diagnosis{cause: CauseIdentity, refused: true, token: true, hint: keyHint(now)}
	case e.Status == 429:
		return diagnosis{cause: CauseHub, slow: true, hint: hintSlower}
	default:
		return diagnosis{cause: CauseHub, slow: true, hint: hintPasses}
	}
}

// diagnoseRemote reads what the hub gave as the reason of a detach, an end or a
// close. The code in its description says more than the condition does, unless it
// is one for any trouble.
func diagnoseRemote(e *amqp.Error, now clock.Stamp) diagnosis {
	if strings.Contains(e.Description, otherClient) {
		return diagnosis{cause: CauseIdentity, twice: true, hint: hintTwice}
	}
	if d, ok := diagnoseCode(hubErrorCode(e.Description), now); ok {
		return d
	}
	switch e.Condition {
	case amqp.ErrCondUnauthorizedAccess:
		return diagnosis{cause: CauseIdentity, refused: true, token: true, hint: keyHint(now)}
	case amqp.ErrCondNotFound, condHubNotFound:
		return diagnosis{cause: CauseIdentity, refused: true, hint: hintUnknown}
	case amqp.ErrCondResourceLimitExceeded, condQuotaExceeded, condThrottled, condServerBusy:
		return diagnosis{cause: CauseHub, slow: true, hint: hintSlower}
	case condHubSuspended:
		return diagnosis{cause: CauseHub, slow: true, hint: hintSuspended}
	case amqp.ErrCondStolen, condLinkConflict:
		return diagnosis{cause: CauseIdentity, twice: true, hint: hintTwice}
	case amqp.ErrCondNotAllowed, amqp.ErrCondNotImplemented, amqp.ErrCondInvalidField, amqp.ErrCondDecodeError,
		amqp.ErrCondIllegalState, amqp.ErrCondResourceDeleted, amqp.ErrCondFrameSizeTooSmall, condArgumentError, condArgumentRange:
		return diagnosis{cause: CauseHub, slow: true, hint: hintUnfit}
	case amqp.ErrCondConnectionForced, amqp.ErrCondDetachForced, amqp.ErrCondInternalError, condTimeout, amqp.ErrCondResourceLocked:
		return diagnosis{cause: CauseHub, hint: hintPasses}
	}
	if code := hubErrorCode(e.Description); code/100_000 == 5 {
		return diagnosis{cause: CauseHub, hint: hintPasses}
	}
	return diagnosis{cause: CauseHub, hint: hintBroken}
}

// diagnoseCode reads the six digit codes of IoT hubs, whose first three digits are
// an HTTP status. Source: Azure IoT Hub error codes.
func diagnoseCode(code int, now clock.Stamp) (diagnosis, bool) {
	switch code {
	case 400027, 409002: // another connection of this device came, or another link of the kind
		return diagnosis{cause: CauseIdentity, twice: true, hint: hintTwice}, true
	case 403001:
		return diagnosis{cause: CauseHub, slow: true, hint: hintSuspended}, true
	case 403002, 403004, 403005, 403007, 503005, 503008:
		return diagnosis{cause: CauseHub, slow: true, hint: hintSlower}, true
	case 403010:
		return diagnosis{cause: CauseHub, slow: true, hint: hintUnfit}, true
	case 403012, 404001, 404006:
		return diagnosis{cause: CauseIdentity, refused: true, hint: hintUnknown}, true
	case 400029, 400030, 404012, 404102, 404103, 404104: // the hub is upgraded or fails over, or thinks we are not there
		return diagnosis{cause: CauseHub, hint: hintPasses}, true
	}
	switch code / 1000 {
	case 401:
		return diagnosis{cause: CauseIdentity, refused: true, token: true, hint: keyHint(now)}, true
	case 429:
		return diagnosis{cause: CauseHub, slow: true, hint: hintSlower}, true
	}
	return diagnosis{}, false
}

// keyHint blames the clock when it may be at fault: a token is dated with it.
func keyHint(now clock.Stamp) string {
	switch now.Trust {
	case clock.TrustNone:
		return hintUndated
	case clock.TrustPlausible:
		return hintKey + "; nothing vouches for the clock of this machine, tokens are dated with it"
	default:
		return hintKey
	}
}

func certificateHint(err *tls.CertificateVerificationError, now clock.Stamp) string {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
	)
	switch {
	case errors.As(err.Err, &invalid) && invalid.Reason == x509.Expired:
		if invalid.Cert == nil && now.Trust == clock.TrustNone || invalid.Cert != nil && now.Wall.Before(invalid.Cert.NotBefore) {
			return hintClock
		}
		return "the certificate of the hub has expired, or the clock of this machine is ahead: timedatectl tells"
	case errors.As(err.Err, &unknown):
		return "wrong CA: no authority in hub.ca_file has made the certificate of the hub; for Azure leave that key out and install ca-certificates, for a hub of your own name its CA there"
	case errors.As(err.Err, &host):
		return "the certificate belongs to another host: check HostName in the connection string"
	default:
		return "the certificate of the hub is not acceptable: check ca_file"
	}
}

func networkHint(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "the name of the hub cannot be resolved: check cable, address and DNS server"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the host is there but refuses: check host and port, and the firewall for TCP " + amqpsPort + " or " + httpsPort
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no way to the hub: check cable, address and default route"
	default:
		return "no answer: check the network and that TCP " + amqpsPort + " or " + httpsPort + " is let out"
	}
}

// hubDescription is the JSON that IoT hubs put into the description of an error.
type hubDescription struct {
	ErrorCode int    `json:"errorCode"`
	Message   string `json:"message"`
}

func parseDescription(description string) (d hubDescription) {
	if strings.HasPrefix(description, "{") && json.Unmarshal([]byte(description), &d) != nil {
		return hubDescription{}
	}
	return d
}

// hubErrorCode is the six digit code in a description, or 0.
func hubErrorCode(description string) int { return parseDescription(description).ErrorCode }

// hubMessage is the part of a description that is for a person.
func hubMessage(description string) string {
	if m := parseDescription(description).Message; m != "" {
		return m
	}
	return description
}

// words is err as it is shown: what go-amqp prints as a Go value becomes
// condition and description, and the description's JSON its message.
func words(err error) string {
	s := err.Error()
	var refusal *auth.RefusedError
	if errors.As(err, &refusal) {
		return strings.ReplaceAll(s, refusal.Description, hubMessage(refusal.Description))
	}
	var remote *amqp.Error
	if !errors.As(err, &remote) {
		return s
	}
	said := string(remote.Condition)
	if m := hubMessage(remote.Description); m != "" {
		said += ": " + m
	}
	return strings.ReplaceAll(s, remote.Error(), said)
}

// clockStepped reports whether the wall clock was set between two stamps: it
// moved by something else than the time that passed.
func clockStepped(then, now clock.Stamp) bool {
	passed := now.BootTime - then.BootTime
	moved := now.Wall.Round(0).Sub(then.Wall.Round(0))
	return (moved - passed).Abs() > clockStep
}

// clockStep is how far a clock may drift under NTP's hands before a token that
// was dated with it is no longer trusted. Hubs forgive five minutes.
const clockStep = 30 * time.Second
