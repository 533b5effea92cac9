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
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	gokrazySocket = "/run/gokrazy-http.sock"
	leastPassword = 12 // bytes
)

// serveWeb lets those who know the password that was provisioned see gokrazy's own
// pages: the log of what runs here. Without a password nothing listens.
func serveWeb(passwordFile string) {
	password, err := readPassword(passwordFile)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			log.Printf("the web page stays off: %v", err)
		}
		return
	}
	server := &http.Server{
		Addr:              ":80",
		Handler:           guarded(password, gokrazy()),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Printf("the web page ended: %v", server.ListenAndServe())
}

func readPassword(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	password := strings.TrimSpace(string(text))
	if len(password) < leastPassword {
		return "", fmt.Errorf("%s is shorter than %d characters", filepath.Base(path), leastPassword)
	}
	return password, nil
}

// gokrazy is what listens at its socket.
func gokrazy() http.Handler {
	pages := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "gokrazy"})
	pages.FlushInterval = -1 // the log is a stream
	pages.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", gokrazySocket)
	}}
	return pages
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
