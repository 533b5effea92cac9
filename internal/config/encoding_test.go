package config

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestText(t *testing.T) {
	const plain = "version = 1\n# Grüße, 工場\n"
	wide := func(text string, order binary.AppendByteOrder) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(text)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	const isWide, noText = "is UTF-16", "holds zero bytes, which no text does"
	for name, c := range map[string]struct{ data, text, err string }{
		"empty":                   {"", "", ""},
		"plain":                   {plain, plain, ""},
		"marked":                  {mark + plain, plain, ""},
		"only marked":             {mark, "", ""},
		"marked twice":            {mark + mark + plain, mark + plain, ""},
		"16 bits, little end":     {wide(mark+plain, binary.LittleEndian), "", isWide},
		"16 bits, big end":        {wide(mark+plain, binary.BigEndian), "", isWide},
		"16 bits, little, unsaid": {wide(plain, binary.LittleEndian), "", isWide},
		"16 bits, big, unsaid":    {wide(plain, binary.BigEndian), "", isWide},
		"16 bits, only marked":    {"\xff\xfe", "", isWide},
		"16 bits of CRLF":         {wide("a\r\n", binary.LittleEndian), "", isWide},
		"zeros":                   {strings.Repeat("\x00", 9), "", noText},
		"one zero":                {plain + "\x00", "", noText},
		"text, then zeros":        {plain + strings.Repeat("\x00", 99), "", noText},
		"certificate in DER":      {"\x30\x82\x00\x10\x00\x00\x30\x82\x01\x00ab", "", noText},
	} {
		text, err := Text([]byte(c.data))
		var none *NoTextError
		switch {
		case c.err == "" && (err != nil || string(text) != c.text):
			t.Errorf("%s: %q, %v", name, text, err)
		case c.err != "" && (!errors.As(err, &none) || none.Error() != c.err || none.Hint() == "" || len(text) > 0):
			t.Errorf("%s: %q, %v, want %s", name, text, err, c.err)
		}
	}
}
