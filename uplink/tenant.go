package uplink

import (
	"context"

	"github.com/Azure/go-amqp"
)

// Tenant is a user of the one connection to the hub: the drain, the reception
// of commands. It gets a session of its own for each round. Serve returns when
// ctx ends or its session can no longer be used; the Link then gives it a new
// session, or a new connection, with backoff. A tenant that fails never stops
// another.
type Tenant interface {
	Name() string
	Serve(ctx context.Context, session *amqp.Session) error
}
