package uplink

import (
	"github.com/Azure/go-amqp"

	"fieldpost/store"
)

// verdict is what a rejection says.
type verdict int

const (
	verdictUnknown verdict = iota
	verdictLater           // the hub cannot now
	verdictQuota           // the hub takes nothing more today
	verdictDead            // the message can never be taken
	verdictRefused         // the hub does not want us
)

const (
	hintQuota = "the hub's messages of today are used up: nothing is lost, one message asks now and then, and it goes on by itself " +
		"after 00:00 UTC; more units at the hub or [uplink] pack help"
	hintBack = "it cannot store now: the records wait, and are sent again under the same message-id"
)

// codes are the numbers in the description of an error that say more than its
// condition does (Azure's list of IoT Hub error codes).
var codes = map[int]verdict{
	400027: verdictLater,   // a newer connection of this device
	400029: verdictLater,   // the platform is upgraded
	400030: verdictLater,   // likewise
	401002: verdictRefused, // not authorized
	401003: verdictRefused,
	403001: verdictLater, // hub suspended
	403002: verdictQuota, // daily quota
	403004: verdictQuota, // queue depth
	403005: verdictLater, // too many tokens on this connection
	403007: verdictQuota, // queue size
	403012: verdictRefused,
	404001: verdictRefused, // device unknown or disabled
	404006: verdictRefused, // address unknown
	404012: verdictLater,   // hub fails over
	404102: verdictLater,   // device not online
	404103: verdictLater,
	404104: verdictLater, // connection closed
	409002: verdictLater, // second link of a kind
}

// conditions are those that may come as the error of a rejected message.
var conditions = map[amqp.ErrCond]verdict{
	amqp.ErrCondMessageSizeExceeded:   verdictDead,
	amqp.ErrCondDecodeError:           verdictDead,
	amqp.ErrCondInvalidField:          verdictDead,
	amqp.ErrCondNotAllowed:            verdictDead,
	amqp.ErrCondNotImplemented:        verdictDead,
	amqp.ErrCondFrameSizeTooSmall:     verdictDead,
	condArgumentError:                 verdictDead,
	condArgumentRange:                 verdictDead,
	amqp.ErrCondUnauthorizedAccess:    verdictRefused,
	amqp.ErrCondNotFound:              verdictRefused,
	condHubNotFound:                   verdictRefused,
	amqp.ErrCondResourceLimitExceeded: verdictQuota,
	condQuotaExceeded:                 verdictQuota,
	condHubSuspended:                  verdictLater,
	condThrottled:                     verdictLater,
	condServerBusy:                    verdictLater,
	condTimeout:                       verdictLater,
	condLinkConflict:                  verdictLater,
	amqp.ErrCondInternalError:         verdictLater,
	amqp.ErrCondResourceLocked:        verdictLater,
	amqp.ErrCondConnectionForced:      verdictLater,
	amqp.ErrCondConnectionRedirect:    verdictLater,
	amqp.ErrCondFramingError:          verdictLater,
	amqp.ErrCondDetachForced:          verdictLater,
	amqp.ErrCondStolen:                verdictLater,
	amqp.ErrCondLinkRedirect:          verdictLater,
	amqp.ErrCondTransferLimitExceeded: verdictLater,
	amqp.ErrCondWindowViolation:       verdictLater,
	amqp.ErrCondErrantLink:            verdictLater,
	amqp.ErrCondHandleInUse:           verdictLater,
	amqp.ErrCondUnattachedHandle:      verdictLater,
}

// rejectionsToDie is how often a record may be rejected for a reason that is
// neither known as a matter of time nor as one of content.
const rejectionsToDie = 3

// judge reads a rejection, of which id is the first record, and says what a
// person can do about it. Unknown reasons are tried again a few times: a record
// is not set aside on the word of a hub that is only confused, nor may it block
// the queue for ever.
func (f *flight) judge(id store.ID, e *amqp.Error) (v verdict, hint string) {
	if v = verdictOf(e); v == verdictUnknown {
		v = f.unknown(id)
	}
	return v, rejectionHint(v, e)
}

func verdictOf(e *amqp.Error) verdict {
	if e == nil {
		return verdictUnknown
	}
	code := hubErrorCode(e.Description)
	if v, ok := codes[code]; ok {
		return v
	}
	if v, ok := conditions[e.Condition]; ok {
		return v
	}
	switch code / 1000 {
	case 413:
		return verdictDead
	case 429, 500, 501, 502, 503, 504:
		return verdictLater
	}
	return verdictUnknown
}

func rejectionHint(v verdict, e *amqp.Error) string {
	switch {
	case v == verdictQuota:
		return hintQuota
	case e == nil:
		return hintBack
	case e.Condition == condHubSuspended, hubErrorCode(e.Description) == 403001:
		return hintSuspended
	case e.Condition == condThrottled, e.Condition == condServerBusy, hubErrorCode(e.Description)/1000 == 429:
		return hintSlower
	}
	return hintBack
}

// tooLarge reports whether a rejection speaks of size.
func tooLarge(e *amqp.Error) bool {
	return e != nil && (e.Condition == amqp.ErrCondMessageSizeExceeded || hubErrorCode(e.Description)/1000 == 413)
}

func (f *flight) unknown(id store.ID) verdict {
	if len(f.tries) >= f.opts.Window {
		clear(f.tries)
	}
	if f.tries[id]++; f.tries[id] >= rejectionsToDie {
		return verdictDead
	}
	return verdictLater
}
