package hub

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// Conditions of the Event Hubs side.
const (
	condArgumentError      wire.Symbol = "com.microsoft:argument-error"
	condArgumentOutOfRange wire.Symbol = "com.microsoft:argument-out-of-range"
)

// faultEntity makes an error as the Event Hubs side words it: plain text, where
// the hub has JSON.
func faultEntity(condition wire.Symbol, format string, args ...any) *wire.Error {
	id := newTrackingID()
	return &wire.Error{
		Condition: condition,
		Description: fmt.Sprintf(format, args...) + fmt.Sprintf(" TrackingId:%s_B0, SystemTracker:hub:eventhub:%s, Timestamp:%s",
			id, entityName, time.Now().UTC().Format("2006-01-02T15:04:05")),
		Info: wire.Map{infoTrackingID: id},
	}
}

// textPartition is what clients look for, on links and in answers of the
// management node.
const textPartition = "The specified partition is invalid for an EventHub partition sender or receiver."

func (l *eventLog) faultPartition() *wire.Error {
	return faultEntity(condArgumentOutOfRange, textPartition+" It should be between 0 and %d.", len(l.partitions)-1)
}

func faultGroup(name string) *wire.Error {
	return faultEntity(wire.CondNotFound, "The messaging entity 'hub:eventhub:%s~0|%.200s' could not be found.", entityName, name)
}

func faultOwned(owner *eventReader) *wire.Error {
	return faultEntity(wire.CondLinkStolen, "At least one receiver for the endpoint is created with epoch of '%d', "+
		"and so non-epoch receiver is not allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected.", owner.epoch)
}

func faultHigherEpoch(owner, r *eventReader) *wire.Error {
	return faultEntity(wire.CondLinkStolen, "Receiver '%s' with a higher epoch '%d' already exists. Receiver '%s' with epoch %d cannot be created. "+
		"Make sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all old epoch receivers are closed or disconnected.",
		owner.name, owner.epoch, r.name, r.epoch)
}

func faultOusted(by, r *eventReader) *wire.Error {
	epoch := ""
	if r.epoch != noEpoch {
		epoch = strconv.FormatInt(r.epoch, 10)
	}
	return faultEntity(wire.CondLinkStolen, "New receiver '%s' with higher epoch of '%d' is created hence current receiver '%s' with epoch '%s' is getting disconnected. "+
		"If you are recreating the receiver, make sure a higher epoch is used.", by.name, by.epoch, r.name, epoch)
}

func faultShared(names []string) *wire.Error {
	return faultEntity(wire.CondResourceLimitExceeded, "Exceeded the maximum number of allowed receivers per partition in a consumer group which is %d. "+
		"List of connected receivers - %s.", maxShared, strings.Join(names, ", "))
}

func faultBeyond(what string, value, last int64) *wire.Error {
	return faultEntity(condArgumentError, "The supplied %s '%d' is invalid. The last %s in the system is '%d'", what, value, what, last)
}
