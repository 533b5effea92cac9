package diag

import (
	"fmt"
	"strings"
	"testing"
)

// parts makes parts from "board=ok store=broken".
func parts(text string) []Part {
	var all []Part
	for _, f := range strings.Fields(text) {
		name, state, _ := strings.Cut(f, "=")
		all = append(all, Part{Part: name, State: State(state)})
	}
	return all
}

func TestChain(t *testing.T) {
	const fine = "board=ok buses=ok sensors=ok store=ok network=ok identity=ok hub=ok"
	for _, c := range []struct {
		name, parts, want string
		ok                bool
		broken            string
	}{
		{"all fine", fine, fine, true, ""},
		{"order", "hub=ok identity=ok network=ok store=ok sensors=ok buses=ok board=ok", fine, true, ""},
		{"off is fine", strings.Replace(fine, "buses=ok", "buses=off", 1),
			"board=ok buses=off sensors=ok store=ok network=ok identity=ok hub=ok", true, ""},
		{"what works behind the broken one stays ok", "board=broken buses=ok sensors=ok store=ok network=waiting identity=ok hub=ok",
			"board=broken buses=ok sensors=ok store=ok network=waiting/board identity=ok hub=ok", false, "board"},
		{"middle broken", "board=ok buses=ok sensors=ok store=broken network=ok identity=off hub=waiting",
			"board=ok buses=ok sensors=ok store=broken network=ok identity=off hub=waiting/store", false, "store"},
		{"two broken", "board=ok buses=ok sensors=broken store=ok network=broken identity=ok hub=ok",
			"board=ok buses=ok sensors=broken store=ok network=waiting/sensors identity=ok hub=ok", false, "sensors"},
		{"last broken", strings.Replace(fine, "hub=ok", "hub=broken", 1),
			"board=ok buses=ok sensors=ok store=ok network=ok identity=ok hub=broken", false, "hub"},
		{"waiting by itself", strings.Replace(fine, "store=ok", "store=waiting", 1),
			"board=ok buses=ok sensors=ok store=waiting network=ok identity=ok hub=ok", false, ""},
		{"not reported", strings.Replace(fine, "network=ok", "", 1),
			"board=ok buses=ok sensors=ok store=ok network=waiting identity=ok hub=ok", false, ""},
		{"nothing reported", "", "board=waiting buses=waiting sensors=waiting store=waiting network=waiting identity=waiting hub=waiting", false, ""},
		{"told twice, and a stranger", "board=ok board=broken moon=broken" + strings.TrimPrefix(fine, "board=ok"), fine, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Status
			s.Judge(parts(c.parts))
			var got []string
			for _, p := range s.Chain {
				text := fmt.Sprintf("%s=%s", p.Part, p.State)
				if p.WaitingFor != "" {
					text += "/" + p.WaitingFor
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " "), c.want)
			}
			if s.OK != c.ok || s.Broken != c.broken {
				t.Errorf("ok %v, broken %q; want %v, %q", s.OK, s.Broken, c.ok, c.broken)
			}
		})
	}
}

func TestChainKeepsReasons(t *testing.T) {
	chain := Chain([]Part{
		{Part: "board", State: Broken, Reason: "r1", Hint: "h1"},
		{Part: "hub", State: Broken, Reason: "r2", Hint: "h2"},
	})
	if hub := chain[6]; hub != (Part{Part: "hub", State: Waiting, Reason: "r2", Hint: "h2", WaitingFor: "board"}) {
		t.Errorf("got %+v", hub)
	}
	if board := chain[0]; board != (Part{Part: "board", State: Broken, Reason: "r1", Hint: "h1"}) {
		t.Errorf("got %+v", board)
	}
}
