package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"fieldpost/deploy/image/typed"
)

const (
	gokrazySocket = "/run/gokrazy-http.sock"
	leastPassword = 12 // bytes
	readWithin    = 10 * time.Second
)

// serveWeb lets those who know the password that was provisioned see gokrazy's own
// pages: the state and the log of what runs here. Without a password nothing listens.
func serveWeb(passwordFile string) {
	password, err := readPassword(passwordFile)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			log.Printf("the web page stays off: %v", err)
		}
		return
	}
	l, err := net.Listen("tcp", ":80")
	if err != nil {
		log.Printf("the web page stays off: %v", err)
		return
	}
	server := newServer(password, gokrazySocket)
	log.Printf("the web page ended: %v", server.Serve(newBounded(l, mostConnections)))
}

// newServer has no WriteTimeout, which would end the stream of the log: each write
// has a deadline of its own.
func newServer(password, socket string) *http.Server {
	return &http.Server{
		Handler:           guarded(password, readOnly(gokrazy(socket))),
		ReadHeaderTimeout: readWithin,
		ReadTimeout:       readWithin,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,

		DisableGeneralOptionsHandler: true, // it would answer without the password
	}
}

func readPassword(file string) (string, error) {
	password, err := typed.Read(file)
	if err != nil {
		return "", err
	}
	if len(password) < leastPassword {
		return "", fmt.Errorf("%s is shorter than %d characters", filepath.Base(file), leastPassword)
	}
	return password, nil
}

// gokrazy is what listens at its socket. It trusts whoever comes that way, so that
// of a request no more goes there than the pages want.
func gokrazy(socket string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: "gokrazy"})
			p.Out.Header = http.Header{"Accept": p.In.Header["Accept"]} // HTML, JSON or a stream
		},
		FlushInterval: -1, // the log is a stream
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}},
	}
}

// readOnly lets through what shows something. The rest of what gokrazy does for
// whoever asks (to write the system anew, to run an uploaded program, to stop, to
// start again) would make the password that of root.
func readOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead || r.ContentLength != 0 || !shown(r.URL.Path) {
			http.Error(w, "this page only shows the state and the log", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// shown reports whether gokrazy only shows something there.
func shown(at string) bool {
	switch at {
	case "/", "/status", "/log":
		return true
	}
	return strings.HasPrefix(at, "/assets/") && path.Clean(at) == at
}

// guarded asks for the password of the user gokrazy.
func guarded(password string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, given, ok := r.BasicAuth()
		if !ok || user != "gokrazy" || subtle.ConstantTimeCompare([]byte(given), []byte(password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="fieldpost"`)
			http.Error(w, "the password that was provisioned is needed", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}
