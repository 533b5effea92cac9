// Package hub is an IoT Hub for one machine: it speaks the cloud's AMQP 1.0
// dialect on a TLS listener of its own, and devices and services connect to it
// as they connect to the cloud. It is made for tests, demonstrations and the
// desk; nothing else than a client's host name and trusted authority changes.
//
// In the order they are met: New makes a Hub and Run serves it. AddDevice and
// Register fill the registry; DeviceConnectionString and ServiceConnectionString
// are what the clients need, CAPEM is what they must trust. Twin, UpdateTwin,
// InvokeMethod and PurgeQueue are what services ask of the cloud over HTTPS;
// package rest is that door, and an Error is what it says no with. Each telemetry
// message becomes an Event in a log of partitions, after Options.Outcome, if any,
// has chosen a Settlement for it. Cut and Restore are the network failing; a Fault
// is one of many other ways to misbehave, made by ParseFault and started by Inject.
// A DirError is a file of Options.Dir that New cannot use.
//
// # What it serves
//
//   - AMQP over TLS, and over WebSocket on the same listener.
//   - SASL EXTERNAL, MSSBCBS, ANONYMOUS, PLAIN or none; shared access signatures
//     by $cbs, by PLAIN, and their expiry; client certificates, by thumbprint or
//     by Options.DeviceCAs.
//   - Devices and their modules: telemetry, single and batched; the
//     cloud-to-device queue with its locks, releases, expiry and dead letters; the
//     twin, with notifications, and direct methods.
//   - Services: cloud-to-device messages, feedback, and the redirect to the
//     events.
//   - The Event Hubs side on the same listener: the entity "fieldpost", its
//     partitions, consumer groups, epochs, selector filters and management node,
//     and producers of events that no device sent.
//
// # Promises
//
//   - Memory is bounded: connections, tokens, queues, twins, calls, feedback and
//     log each have a limit, and the log spills or drops its oldest events first.
//   - Telemetry is logged before it is answered. A message is logged once for
//     each time it is sent: the hub drops no duplicates.
//   - A cloud-to-device message reaches the device at least once unless it
//     expires. Its sequence number never comes twice for the same device.
//   - Feedback is made from the outcome of the message, its expiry or its
//     delivery count. A device cannot send it, unless Options.DeviceFeedbackLink
//     lets it.
//   - A method is handed to a device at most once; after an error of InvokeMethod
//     the device may have done it.
//   - Of two connections of one device the newest wins.
//   - All timers are of package time, so a hub with Options.Listen "none" runs
//     in the virtual time of testing/synctest.
//
// # Limits
//
// The log, the queues and the feedback are lost with the process; Options.Dir
// keeps identities, keys, twins and the certificate authority. One directory serves
// one hub at a time. The size limits count the encoded message. A certificate
// counts by its thumbprint whatever its dates. Not served: the REST interface of
// the registry, Azure AD tokens, queries over twins; throttles and quotas, except
// as faults.
package hub
