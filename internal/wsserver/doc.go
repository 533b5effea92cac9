// Package wsserver is the server side of the WebSocket protocol (RFC 6455) for a
// stream of bytes: it takes one connection through the opening handshake and
// gives back a net.Conn whose bytes travel in binary messages. It knows nothing
// of what the bytes are.
//
// In the order they are met: Accept reads the client's request from a connection,
// TLS already around it, answers it as Options say, and returns a Conn. Read and
// Write of a Conn are a stream: where messages and frames begin and end means
// nothing, as AMQP over WebSocket has it.
//
// # Promises
//
//   - Pings are answered, and a close frame is, before Read returns io.EOF.
//   - What a client sends is unmasked in the caller's buffer and kept nowhere
//     else: frames and messages of any length take no memory.
//   - A frame that breaks the protocol is answered with a close frame that says
//     why (1002, or 1003 for a text message), and every later Read fails.
//   - One goroutine may read while others write.
//
// # Limits
//
// A request has at most 16 KiB. No extensions, so no compression; one
// subprotocol; no message boundaries.
//
// It stands here because a stream needs a tenth of a WebSocket library: general
// ones carry compression, message limits and a client, and every byte of them
// would be on the smallest gateways, where the agent brings a hub along for its
// self-test.
package wsserver
