package auth

import (
	"encoding/base64"
	"errors"
	"strings"
)

// ErrBadLogin is the error of ParseLogin. It never carries the text it is about.
var ErrBadLogin = errors.New("is not one line of the form USER:PASSWORD")

// Login is the name and the password that a proxy wants. The zero Login is none.
type Login struct{ hidden }

// ParseLogin reads "user:password"; a line end behind it is ignored. The password
// may contain colons. The error is ErrBadLogin.
func ParseLogin(text string) (Login, error) {
	text = strings.TrimRight(strings.TrimPrefix(text, "\ufeff"), "\r\n")
	user, _, ok := strings.Cut(text, ":")
	if !ok || user == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return Login{}, ErrBadLogin
	}
	return NewLogin(text), nil
}

// NewLogin returns the login that is written "user:password".
func NewLogin(text string) Login { return Login{hidden{newSecret([]byte(text))}} }

// Basic returns the value of a header that authenticates with the Basic scheme.
// Source: RFC 7617 section 2.
func (l Login) Basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString(l.secret.bytes())
}
