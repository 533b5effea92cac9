// Package uplink keeps the one AMQP connection to the hub and drains the store
// over it.
//
// The types in the order they are met: a Link is made from LinkOptions and the
// tenants that live on its connection. For each attempt it asks for an Identity,
// dials by its Route (AMQP over TLS or over WebSocket, through a Proxy where there
// is one), proves the identity (package auth) and gives every Tenant a session of
// its own. The Drain is the tenant that leases records from the
// store, sends them to /devices/<id>/messages/events and settles each lease by
// what the hub answered. LinkState tells how the link is, which part of the
// chain network, identity, hub is broken, in the words of the error, and what to
// do about it.
//
// An Identity is proven by a certificate in the TLS handshake, by a token at $cbs
// that is renewed while the connection lives, or by a token in SASL PLAIN. What
// proves it is looked at again while the link is online. Another key or token is
// put at $cbs; where that cannot be done the connection is ended in order and
// another one made at once, before the token ends, which is no failure. So is a
// link that the hub redirects: up to three redirects in a row are followed, to
// hosts that prove their name to the same authorities, and forgotten when the
// connection there fails.
//
// What is repaired at which scope follows from the type of the error: a link or
// session error costs its tenant the session, a connection error costs everyone
// the connection, a refused identity is tried once more with a new token and
// then slowly and loudly, a bad message is set aside as a dead letter. A deadline
// that passes without an answer counts as a dead connection, unless another tenant
// gets on over it. Two clients with one identity take the connection from each
// other; that is recognised, slowed down and said. Where records wait and nothing
// moves, a watchdog has everything made anew.
//
// While nothing vouches for the clock, certificates are checked and tokens dated
// by the earliest that the present can be, which the certificate of the hub may
// teach; no check is left out.
//
// Promises. Run never gives up before its context ends, and then ends within a
// few seconds, whatever dials, closes and tenants do. A record is acknowledged to
// the store only when the hub answered "accepted"; every other answer, and none,
// gives it back to the store or makes it a dead letter. So nothing is lost, and a
// record whose answer was lost is sent again with the same message-id: the
// receiver sees it twice and can tell.
// Records of one class are sent in the order of the store; what the hub hands
// back is sent again later than its neighbours. Memory is bounded by the window
// of the Drain, in transfers and in bytes, plus one lease of a transfer.
//
// Few records go one by one. Eight and more that wait go as a batch, several
// messages of one class in one transfer with one outcome (message-format
// 0x80013700), or, when asked for, in one message, a pack. A batch or pack that is
// rejected for its content or size is bisected: one record is set aside, the
// others arrive. The window follows how quickly the hub answers.
//
// Limits. Devices, not modules. Proxies are spoken to in clear text and with the
// Basic scheme. Of a redirect the host is followed, not the path: a device's
// addresses are the same everywhere.
package uplink
