package hub

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// Conditions and keys beyond the core specification.
const (
	infoTrackingID wire.Symbol = "com.microsoft:tracking-id"
	infoIsFiltered wire.Symbol = "com.microsoft:is-filtered"
)

// Numeric codes of the cloud's error descriptions.
const (
	codeUnauthorized       = 401002
	codeTokenExpired       = 401003
	codeQueueDepth         = 403004
	codeBadExpiry          = 403009
	codeDeviceDisabled     = 403012
	codeDeviceNotFound     = 404001
	codeAddressNotFound    = 404006
	codeLockLost           = 412002
	codeConnectionReplaced = 400027
	codeInvalid            = 400000
	codeArgument           = 400004
	codeTwinSize           = 403100
	codeDeviceOffline      = 404103
	codeConnectionClosed   = 404104
	codePrecondition       = 412001
	codeTooLarge           = 413001
	codeThrottled          = 429001
	codeQuotaExceeded      = 403002
	codeLinkConflict       = 409002
	codeInternal           = 500001
	codeServerBusy         = 503001
	codeBadReply           = 502000 // ours: the cloud's list has none
	codeNoReply            = 504101
)

// faultText is the JSON in the description of an error.
type faultText struct {
	ErrorCode    int    `json:"errorCode"`
	TrackingID   string `json:"trackingId"`
	Message      string `json:"message"`
	TimestampUTC string `json:"timestampUtc"`
}

// fault makes an error whose description is the JSON clients expect.
func fault(condition wire.Symbol, code int, format string, args ...any) *wire.Error {
	id := newTrackingID()
	return &wire.Error{
		Condition:   condition,
		Description: describe(id, code, fmt.Sprintf(format, args...)),
		Info:        wire.Map{infoTrackingID: id},
	}
}

func describe(id string, code int, message string) string {
	now := time.Now().UTC()
	description, err := json.Marshal(faultText{
		ErrorCode:    code,
		TrackingID:   id + "-G:0-TimeStamp:" + now.Format("01/02/2006 15:04:05"),
		Message:      message,
		TimestampUTC: now.Format(timeFormat),
	})
	if err != nil {
		return message
	}
	return string(description)
}

// timeFormat is the cloud's: seven digits of a second.
const timeFormat = "2006-01-02T15:04:05.0000000Z"

func newTrackingID() string {
	id := make([]byte, 16)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// short cuts what a stranger wrote down to what fits a line of a log.
func short(s string) string { return fmt.Sprintf("%.200s", s) }

func faultAddress(address string) *wire.Error {
	return fault(wire.CondNotFound, codeAddressNotFound,
		"The link address '%.200s' did not match any of the expected formats.", address)
}

func faultChannelUsed(id string) *wire.Error {
	return fault("com.microsoft:link-creation-conflict", codeLinkConflict,
		"The channel-correlation-id '%.100s' has been used before.", id)
}

func faultUnauthorized(address string) *wire.Error {
	return fault(wire.CondUnauthorizedAccess, codeUnauthorized,
		"No valid token or certificate of this connection allows the link '%.200s'.", address)
}

func faultTokenExpired() *wire.Error {
	return fault(wire.CondUnauthorizedAccess, codeTokenExpired, "Token Expired.")
}

func faultDeviceNotFound(id string) *wire.Error {
	return fault(wire.CondNotFound, codeDeviceNotFound, "Device %.128s is not registered.", id)
}

func faultDeviceDisabled(id string) *wire.Error {
	return fault(wire.CondUnauthorizedAccess, codeDeviceDisabled, "Device %.128s is disabled.", id)
}

func faultStolen(id string) *wire.Error {
	return fault(wire.CondLinkStolen, codeConnectionReplaced, "Device %.128s has opened a newer link.", id)
}

func faultReplaced(id string) *wire.Error {
	return fault(wire.CondConnectionForced, codeConnectionReplaced, "Device %.128s has opened a newer connection.", id)
}

func faultLockLost() *wire.Error {
	return fault(wire.CondNotFound, codeLockLost, "The lock of the message was lost.")
}

func faultQueueDepth(id string) *wire.Error {
	return fault(wire.CondResourceLimitExceeded, codeQueueDepth,
		"The queue of device %.128s has reached the queue limit of %d.", id, maxQueued)
}

func faultDecode(err error) *wire.Error {
	return fault(wire.CondDecodeError, codeInvalid, "The message cannot be read: %v.", err)
}

func faultInvalid(format string, args ...any) *wire.Error {
	return fault(wire.CondInvalidField, codeInvalid, format, args...)
}

// faultSize is the one error whose description is plain text.
func faultSize(size, limit int) *wire.Error {
	return &wire.Error{
		Condition:   wire.CondMessageSizeExceeded,
		Description: fmt.Sprintf("The received message (size %d bytes) exceeds the limit (%d bytes) currently allowed on the link.", size, limit),
		Info:        wire.Map{infoTrackingID: newTrackingID(), infoIsFiltered: true},
	}
}
