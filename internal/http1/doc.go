// Package http1 speaks as much HTTP/1.1 as the agent needs: a server on a socket of
// this machine, and requests to it, to a proxy and for a WebSocket. net/http does
// all that too, and brings tables of Unicode, a client with proxies and forms along
// that nothing here can do without: half a megabyte of the armv6 program.
//
// A connection carries one request and its answer. Source: RFC 9110 and RFC 9112.
package http1

import (
	"bytes"
	"fmt"
	"io"
	"net/textproto"
	"sort"
	"strings"
)

// Header holds the fields of a header or trailer, by their canonical names.
type Header = textproto.MIMEHeader

// Methods that are used here.
const (
	MethodGet     = "GET"
	MethodHead    = "HEAD"
	MethodPost    = "POST"
	MethodPut     = "PUT"
	MethodPatch   = "PATCH"
	MethodDelete  = "DELETE"
	MethodConnect = "CONNECT"
)

// writeHeader writes h in the order of names. A line break within a value would
// begin another field, so that it becomes a space.
func writeHeader(b *bytes.Buffer, h Header) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, value := range h[name] {
			fmt.Fprintf(b, "%s: %s\r\n", name, strings.Map(oneLine, value))
		}
	}
}

func oneLine(r rune) rune {
	if r == '\r' || r == '\n' {
		return ' '
	}
	return r
}

// visible reports whether s is something, all of it ASCII that can be seen.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// within is the error of something that ended too early.
func within(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
