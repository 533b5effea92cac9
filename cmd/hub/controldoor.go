package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"fieldpost/hub"
)

// Bounds of the control socket.
const (
	maxControlConns  = 16       // at a time; further ones wait
	maxControlHead   = 8 << 10  // bytes of a request's head, to which net/http adds 4096
	maxControlBody   = 64 << 10 // bytes of a request's body
	maxControlAnswer = 64 << 20 // bytes a client reads: a million devices are not listed here
	controlWithin    = 10 * time.Second
)

// controlDoor is the unix socket of hub serve.
type controlDoor struct {
	path    string // absolute; empty without one
	ln      net.Listener
	serving sync.WaitGroup
}

// open makes the socket at path, "none" makes none. Without a path it is in dir,
// where there is one; a hub whose directory can hold no socket goes without.
func (d *controlDoor) open(path, dir string, log *slog.Logger) error {
	asked := path != ""
	switch {
	case path == noControl || path == "" && dir == "":
		return nil
	case path == "":
		path = controlIn(dir)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return configf("control socket: %w", err)
	}
	d.ln, err = listenControl(path)
	if err != nil && !asked {
		log.Warn("no control socket", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	d.path = path
	return nil
}

// serve answers until ctx ends, which also removes the socket.
func (d *controlDoor) serve(ctx context.Context, h *hub.Hub, describe func() (hubFile, error), log *slog.Logger) {
	if d.ln == nil {
		return
	}
	few := newFewConns(d.ln, maxControlConns)
	server := controlServer(controlHandler(h, describe), few, controlWithin)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	d.serving.Go(func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close()
		}
	})
	d.serving.Go(func() {
		if err := server.Serve(few); !errors.Is(err, http.ErrServerClosed) {
			log.Error("control socket has ended", "path", d.path, "error", err)
		}
	})
}

// controlServer answers on few, and gives a client this time for its request and
// twice that for the whole exchange.
func controlServer(handler http.Handler, few *fewConns, within time.Duration) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: within,
		ReadTimeout:       within,
		WriteTimeout:      2 * within,
		IdleTimeout:       within,
		MaxHeaderBytes:    maxControlHead,
		ConnState:         few.state,
	}
}

// wait returns when nothing is served any more and the socket is gone.
func (d *controlDoor) wait() {
	d.serving.Wait()
	if d.ln != nil {
		d.ln.Close() // of a door that never served
	}
}

// fewConns accepts a connection only while there is a slot for it; state, called
// as the server's ConnState, gives the slot back.
type fewConns struct {
	net.Listener
	slots  chan struct{}
	once   sync.Once
	closed chan struct{}
}

func newFewConns(l net.Listener, slots int) *fewConns {
	return &fewConns{Listener: l, slots: make(chan struct{}, slots), closed: make(chan struct{})}
}

func (l *fewConns) state(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed {
		<-l.slots
	}
}

func (l *fewConns) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
	}
	return c, err
}

func (l *fewConns) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
