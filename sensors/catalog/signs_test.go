package catalog

import (
	"slices"
	"testing"
)

// A sign that could not be met, or would write a register, is of no use.
func TestSigns(t *testing.T) {
	signed := 0
	for _, s := range Recognisable() {
		if len(s.Signs) > 0 && len(s.Addresses) == 0 || s.Help == "" && (len(s.Signs) == 0 || s.Notes == "") {
			t.Errorf("%s: %+v", s.Name, s)
		}
		for _, sign := range s.Signs {
			signed++
			switch {
			case len(sign.Send) == 0 || sign.Text == "":
				t.Errorf("%s: %+v says nothing", s.Name, sign)
			case (len(sign.Want) == 0) == (sign.Sums == 0):
				t.Errorf("%s: %s: either an answer or checksums", s.Name, sign.Text)
			case len(sign.Mask) != len(sign.Want):
				t.Errorf("%s: %s: a mask of %d bytes", s.Name, sign.Text, len(sign.Mask))
			case len(sign.Send) > 1 && !sign.Mute && sign.Send[0] != 0xE1:
				t.Errorf("%s: %s: would write a register of a part that has such", s.Name, sign.Text)
			}
		}
	}
	lines := 0
	known(func(name string, s Sign, rest []string) {
		lines++
		if _, there := Named(name); !there && name != "!" || len(rest) != 0 && len(rest) != 3 {
			t.Errorf("%s, %s: no such source", name, s.Text)
		}
	})
	if signed != lines {
		t.Errorf("%d signs of %d lines", signed, lines)
	}
	if i := slices.IndexFunc(Recognisable(), func(s Source) bool { return s.Name == "bme280" }); i < 0 || string(Recognisable()[i].Signs[0].Want) != "\x60" {
		t.Error("bme280 is not known by its id")
	}
}
