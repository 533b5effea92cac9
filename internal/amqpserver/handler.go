package amqpserver

// Handler decides what the peer of a connection may do. One Handler may serve
// many connections; the calls of one connection come one at a time.
type Handler interface {
	// Authenticate judges the first SASL response. It is not called when the peer
	// uses no SASL layer. An error becomes the SASL outcome auth(1) and ends the
	// connection.
	Authenticate(c *Conn, mechanism string, initialResponse []byte) error

	// Opened is called after the peer's open and before ours. An error is sent as
	// open followed by close; a *wire.Error goes out as it is, any other error as
	// amqp:internal-error.
	Opened(c *Conn) error

	// Attach is called for each link the peer attaches, before the answer. It sets
	// the hooks and the credit of l. An error refuses the link: the answer has a
	// null terminus and is followed by a detach with the error.
	Attach(l *Link) error

	// Closed is called after the last other callback of a connection, once for
	// every connection for which Authenticate or Opened was called.
	Closed(c *Conn)
}
