package report

import (
	"strings"
	"testing"
)

func TestFiguresAreJudged(t *testing.T) {
	var f Figures
	f.AtMost("a", 1.5, 1.5, "")
	f.AtMost("b", 1.5, 1.51, "")
	f.AtLeast("c", 5, 5, "")
	f.AtLeast("d", 5, 4.99, "")
	f.Info("e", 1, "")
	f.Open("g", "<= 1", "no way")
	if f.Missed() != 2 {
		t.Errorf("%d missed, not 2", f.Missed())
	}
	var w strings.Builder
	Document{&w}.Table(f.Table())
	for _, want := range []string{"| a | <= 1.5 | 1.5 | yes |", "| b | <= 1.5 | 1.51 | **no** |", "| d | >= 5 | 4.99 | **no** |", "| g | <= 1 | - | not measured | no way |"} {
		if !strings.Contains(w.String(), want) {
			t.Errorf("no %q in\n%s", want, &w)
		}
	}
}

func TestNumbersKeepTheirSize(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0004: "0.0004", 0.017: "0.0170", 1.294: "1.29", 17.64: "17.6", 136.2: "136", 25000: "25000", 0.00002: "0.000020"} {
		if got := Num(v); got != want {
			t.Errorf("%v is printed as %s, not %s", v, got, want)
		}
	}
}
