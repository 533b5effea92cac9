package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// errUnheard says that the peer took longer than there was time.
var errUnheard = errors.New("no answer")

// heed runs f, which reads and writes conn, and ends it when ctx ends. The error
// is then errUnheard and that of ctx.
func heed(ctx context.Context, conn net.Conn, f func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := f()
	if !stop() {
		return fmt.Errorf("%w: %w", errUnheard, ctx.Err())
	}
	return err
}
