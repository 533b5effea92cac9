package canary

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// Lengths of the pieces that are looked for. Eight letters of base64 are never met
// by chance, eight digits are.
const (
	letterPiece = 8
	digitPiece  = 16
)

// Search finds pieces of secrets.
type Search struct{ pieces map[string]string } // piece: whose it is

// Search looks for the secrets of all slots.
func (p Planted) Search() *Search {
	s := &Search{make(map[string]string)}
	for _, slot := range p.Slots {
		for _, secret := range slot.secrets {
			s.Add(slot.Name, secret)
		}
	}
	return s
}

// Add has a secret looked for: as it is, and in base64, which looks another way at
// each of three places in something longer, in hexadecimal, in decimal numbers and as a URL has it.
func (s *Search) Add(name string, secret []byte) {
	if strings.Trim(string(secret), "0123456789") == "" {
		s.cut(name, string(secret), digitPiece)
	} else {
		s.cut(name, string(secret), letterPiece)
	}
	for skip := range 3 {
		if whole := secret[min(skip, len(secret)):]; len(whole) >= 3 {
			b64 := base64.RawStdEncoding.EncodeToString(whole[:len(whole)/3*3])
			s.cut(name, b64, letterPiece)
			s.cut(name, strings.NewReplacer("+", "-", "/", "_").Replace(b64), letterPiece)
			s.cut(name, url.QueryEscape(b64), letterPiece)
		}
	}
	s.cut(name, hex.EncodeToString(secret), digitPiece)
	s.cut(name, strings.ToUpper(hex.EncodeToString(secret)), digitPiece)
	s.cut(name, fmt.Sprintf("% x", secret), 2*digitPiece)
	s.cut(name, strings.Trim(fmt.Sprint(secret), "[]"), digitPiece)
	s.cut(name, fmt.Sprintf("%#v", secret)[len("[]byte{"):], 2*digitPiece)
	s.cut(name, url.QueryEscape(string(secret)), digitPiece)
	s.cut(name, url.PathEscape(string(secret)), digitPiece)
	s.cut(name, fmt.Sprintf("%+q", secret), digitPiece)
}

// cut adds all pieces of a spelling.
func (s *Search) cut(name, text string, n int) {
	for at := 0; at+n <= len(text); at++ {
		s.pieces[text[at:at+n]] = name
	}
}

// In returns which secret a text has a piece of, and around which place, or "".
func (s *Search) In(text string) string {
	for at := range len(text) {
		for _, n := range [...]int{letterPiece, digitPiece, 2 * digitPiece} {
			if at+n > len(text) {
				break
			}
			if name, found := s.pieces[text[at:at+n]]; found {
				return fmt.Sprintf("a piece of the %s: %q", name, text[max(0, at-80):min(len(text), at+80)])
			}
		}
	}
	return ""
}
