package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"fieldpost/hub"
)

// stopping is how long requests under way may take after the end.
const stopping = time.Second

// Serve answers on ln with the certificate of h until ctx ends, then closes ln and
// returns nil. A nil log takes nothing.
func Serve(ctx context.Context, h *hub.Hub, ln net.Listener, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	config := h.TLSConfig()
	config.NextProtos = []string{"http/1.1"}
	server := &http.Server{
		Handler:           Handler(h),
		ReadHeaderTimeout: 30 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute, // and none for writing: a method may take its time
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopping)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close()
		}
	})
	err := server.Serve(tls.NewListener(ln, config))
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
