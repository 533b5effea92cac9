package uplink

import "strings"

// KnownConditions are those that IoT hubs and their client libraries are known to
// give as the reason of a rejection, a detach, an end or a close. Sources: the
// error tables of Microsoft's device libraries for .NET, Java and Node, and those of
// AMQP 1.0 part 2, section 8, and part 4, section 5.
var KnownConditions = strings.Fields(`
amqp:connection:forced amqp:connection:framing-error amqp:connection:redirect
amqp:link:detach-forced amqp:link:stolen amqp:link:redirect amqp:link:transfer-limit-exceeded amqp:link:message-size-exceeded
amqp:session:window-violation amqp:session:errant-link amqp:session:handle-in-use amqp:session:unattached-handle
amqp:internal-error amqp:resource-locked amqp:unauthorized-access amqp:not-found amqp:resource-limit-exceeded
amqp:precondition-failed amqp:not-allowed amqp:not-implemented amqp:invalid-field amqp:decode-error amqp:illegal-state
amqp:resource-deleted amqp:frame-size-too-small amqp:transaction:rollback amqp:transaction:timeout
com.microsoft:timeout com.microsoft:device-container-throttled com.microsoft:message-lock-lost
com.microsoft:precondition-failed com.microsoft:iot-hub-suspended com.microsoft:iot-hub-not-found-error
com.microsoft:quota-exceeded com.microsoft:argument-error com.microsoft:argument-out-of-range
com.microsoft:device-already-exists com.microsoft:link-creation-conflict com.microsoft:server-busy
`)

// KnownCodes are the numbers in their descriptions that may reach a device over
// AMQP. Source: Azure IoT Hub error codes.
var KnownCodes = strings.Fields(`
400027 400029 400030 401002 401003 403001 403002 403004 403005 403007 403009 403010 403012
404001 404006 404012 404102 404103 404104 409002 412002 412004 413001 429001 429002 429003 429005
500001 500008 503001 503005 503006 503008 504101
`)
