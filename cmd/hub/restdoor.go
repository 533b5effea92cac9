package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"fieldpost/hub"
	"fieldpost/hub/rest"
)

// restDoor is the HTTPS listener of hub serve.
type restDoor struct {
	addr    string // empty without one
	serving sync.WaitGroup
}

// open listens on addr and serves until ctx ends; "none" opens nothing.
func (d *restDoor) open(ctx context.Context, h *hub.Hub, addr string, log *slog.Logger) error {
	if addr == "none" {
		return nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("HTTPS listener: %w", err)
	}
	d.addr = ln.Addr().String()
	d.serving.Go(func() {
		if err := rest.Serve(ctx, h, ln, log); err != nil {
			log.Error("HTTPS has ended", "addr", d.addr, "error", err)
		}
	})
	return nil
}

// wait returns when nothing is served any more.
func (d *restDoor) wait() { d.serving.Wait() }
