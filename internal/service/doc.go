// Package service is the far side of an IoT Hub: it sends commands to devices,
// reads the feedback about them and reads what devices have sent, over AMQP 1.0;
// and it reads and changes twins, calls direct methods and purges queues, over
// HTTPS.
//
// A Client is one TLS connection to the hub, authorized with a shared access
// policy ("service"). Send queues one cloud-to-device message; Feedback gives a
// FeedbackReceiver; Events follows the hub's redirect to its event log and gives
// an EventReader, which has a connection of its own.
//
// A REST asks for what a hub gives services no AMQP for: Twin and UpdateTwin,
// InvokeMethod, PurgeQueue. It has connections of its own and makes them anew.
//
// Promises. Send returns nil only when the hub has queued the message; a refusal
// is a *HubError. A send without an answer is ErrUnknown: the message may be
// queued, and sending it again may deliver it twice. Feedback is settled before
// Next returns it: a caller that dies in between has lost it. Events are never
// consumed: the log stays as it is, order holds within a partition. Every call
// ends with its context; each answer of the hub is waited for at most
// Options.Timeout. Tokens are renewed while Next waits.
//
// Limits. A hub has one feedback queue: every reader takes records away from the
// others. A Client never reconnects: after a connection is lost every call fails,
// and the caller dials again.
package service
