package canary

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// A piece of a secret is found in any spelling and at any place.
func TestSearch(t *testing.T) {
	planted, err := New("hub.example", "gw")
	if err != nil {
		t.Fatal(err)
	}
	search := planted.Search()
	for _, slot := range planted.Slots {
		if search.In(slot.Text) == "" {
			t.Errorf("%s: not found in its own text", slot.Name)
		}
		for _, secret := range slot.secrets {
			for at := range 7 {
				around := []byte(strings.Repeat("x", at) + string(secret[:len(secret)/2]) + "yz")
				for _, leak := range []string{
					string(around), base64.StdEncoding.EncodeToString(around), base64.URLEncoding.EncodeToString(around),
					url.QueryEscape(base64.StdEncoding.EncodeToString(around)), hex.EncodeToString(around), url.QueryEscape(string(around)),
					fmt.Sprintf("%X", around), fmt.Sprintf("% x", around), fmt.Sprint(around), fmt.Sprintf("%#v", around), fmt.Sprintf("%+q", around),
				} {
					if !strings.Contains(search.In("before "+leak+" behind"), slot.Name) {
						t.Errorf("%s at %d: not noticed in %q", slot.Name, at, leak)
					}
				}
			}
		}
	}
	for _, harmless := range []string{"", "nothing in here", planted.Certificate, fmt.Sprintf("%x %v", strings.Repeat("x", 100), []byte("harmless"))} {
		if leak := search.In(harmless); leak != "" {
			t.Errorf("found in %q: %s", harmless, leak)
		}
	}
}
