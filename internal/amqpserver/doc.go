// Package amqpserver is the server side of AMQP 1.0: it speaks the protocol on
// one connection and hands what the peer wants to a Handler. It knows sessions,
// links, credit, windows and settlement; it knows nothing of what the links are
// for.
//
// In the order they are met: Serve runs one connection and blocks until it has
// ended. Its Handler sees the Conn, then every Link the peer attaches. A link the
// peer sends on calls OnDelivery with each Delivery; a link the peer receives on
// is written to with Send.
//
// # Promises
//
//   - The callbacks of one connection (the Handler's and the hooks of its links
//     and deliveries) run one at a time and hold no lock of the engine: they may
//     call any method of this package.
//   - Methods may be called from any goroutine and do not wait for the network.
//     Frames go to a bounded queue; a peer that does not read is dropped.
//   - Every accepted link sees OnDetach exactly once; before it, every unsettled
//     Send sees its OnOutcome with nil. Handler.Closed comes last. A link this side
//     detaches is over when the peer has answered or the connection ends.
//   - Messages of one link leave in the order of Send; nothing is kept or sent
//     again after the connection has ended.
//   - No disposition is sent for a link that either side has detached.
//   - A peer's bytes cannot make the engine panic or hold more memory than
//     Options allows.
//
// # Limits
//
// Per connection: Options.MaxSessions, MaxConnectionLinks, MaxSending,
// MaxReassembly and MaxQueue. Per session: MaxLinks. Per link: MaxUnsettled,
// MaxMessageSize, the credit given and 4 KiB of names and addresses. No link recovery (a detach always closes), no transactions, no
// dynamic nodes unless the Handler names them, no SASL mechanism with more than
// one step.
package amqpserver
