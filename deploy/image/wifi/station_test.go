package wifi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "correct horse battery"

// fake is a radio that hears what a test puts into the air.
type fake struct {
	missing  error         // why there is none
	air      []accessPoint // what is in sight
	lets     string        // name of a network that lets us in
	refuses  error         // of join
	deaf     error         // of joined and scan
	at       string        // where it is joined
	joins    int
	joinedAs []string // passwords
}

func (f *fake) ready(context.Context) error { return f.missing }
func (f *fake) leave() error                { f.at = ""; return nil }

func (f *fake) join(name, password string) error {
	f.joins++
	f.joinedAs = append(f.joinedAs, password)
	if f.at != "" {
		return errors.New("already joined")
	}
	if f.refuses == nil && f.lets == name {
		f.at = name
	}
	return f.refuses
}

func (f *fake) joined() (*accessPoint, error) {
	if f.deaf != nil || f.at == "" {
		return nil, f.deaf
	}
	return &accessPoint{name: strings.ToValidUTF8(f.at, "\ufffd"), signal: -40, mhz: 2437}, nil
}

func (f *fake) scan(context.Context) ([]accessPoint, error) { return slices.Clone(f.air), f.deaf }

// leaseEnds is how long a DHCP client takes to end.
const leaseEnds = 3 * time.Second

// life is a station that runs, and what it said.
type life struct {
	*station
	radio   *fake
	said    []string
	leases  int // that run
	have    string
	changed sync.Mutex // passes on what a story has changed
}

// see has the station see what the story has changed.
func (l *life) see() *fake {
	l.changed.Lock()
	defer l.changed.Unlock()
	return l.radio
}

// seen is the radio as the station sees it.
type seen struct{ *life }

func (s seen) ready(ctx context.Context) error                 { return s.see().ready(ctx) }
func (s seen) leave() error                                    { return s.see().leave() }
func (s seen) join(name, password string) error                { return s.see().join(name, password) }
func (s seen) joined() (*accessPoint, error)                   { return s.see().joined() }
func (s seen) scan(ctx context.Context) ([]accessPoint, error) { return s.see().scan(ctx) }

// live runs a station in virtual time for as long as story lasts.
func live(t *testing.T, name, password string, f *fake, story func(*life)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &life{radio: f, have: "10.0.0.7/24"}
		l.station = &station{name: name, password: password, radio: seen{l},
			say: func(v ...any) { l.see(); l.said = append(l.said, fmt.Sprint(v...)) },
			lease: func(ctx context.Context) {
				l.see()
				l.leases++
				<-ctx.Done()
				time.Sleep(leaseEnds)
				l.see()
				l.leases--
			},
			address: func() (string, string) { l.see(); return l.have, " (no offer)" }}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.run(ctx) }()
		story(l)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("ended: %v", err)
		}
		if l.leases != 0 {
			t.Errorf("%d DHCP clients outlive the program", l.leases)
		}
		if text := strings.Join(l.said, "\n"); strings.Contains(text, secret) {
			t.Errorf("the log has the password:\n%s", text)
		}
	})
}

// passes lets time go by.
func (l *life) passes(d time.Duration) {
	l.see()
	time.Sleep(d)
	synctest.Wait()
}

// must demands that exactly these lines were said since the last time.
func (l *life) must(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(l.said, want) {
		t.Errorf("said:\n%s\nwant:\n%s", strings.Join(l.said, "\n"), strings.Join(want, "\n"))
	}
	l.said = nil
}

func TestJoinsLosesAndJoinsAgain(t *testing.T) {
	f := &fake{lets: "workshop"}
	live(t, "workshop", secret, f, func(l *life) {
		l.passes(joinPoll)
		l.must(t, `joined "workshop", -40 dBm, 2437 MHz`, "address 10.0.0.7/24")
		if f.joins != 1 || f.joinedAs[0] != secret || l.leases != 1 {
			t.Errorf("joined %d times, as %q; %d leases", f.joins, f.joinedAs, l.leases)
		}
		l.passes(50 * time.Minute)
		l.must(t)
		l.have = "10.0.0.8/24"
		l.passes(stayPoll)
		l.must(t, "address 10.0.0.8/24")
		f.at = ""
		l.passes(stayPoll + leaseEnds)
		l.must(t, `lost "workshop"`)
		if l.leases != 0 {
			t.Error("the DHCP client goes on without a network")
		}
		l.passes(firstWait + joinPoll)
		l.must(t, `joined "workshop", -40 dBm, 2437 MHz`, "address 10.0.0.8/24")
		if l.leases != 1 {
			t.Errorf("%d leases", l.leases)
		}
	})
}

func TestWhatHindersIsToldOnce(t *testing.T) {
	open := accessPoint{name: "workshop", signal: -55}
	wpa2 := accessPoint{name: "workshop", signal: -60, guards: []string{"PSK"}, wpa2: true}
	wpa3 := accessPoint{name: "workshop", signal: -65, guards: []string{"SAE"}}
	other := accessPoint{name: "office", signal: -30, guards: []string{"PSK"}, wpa2: true}
	hidden := accessPoint{signal: -20}
	for _, c := range []struct {
		password string
		radio    fake
		want     string
	}{
		{"", fake{missing: errors.New("no Wi-Fi chip answers on this board")}, "no Wi-Fi chip answers on this board"},
		{"", fake{}, `no network "workshop" in sight; nor any other`},
		{secret, fake{air: []accessPoint{{name: "Workshop", signal: -70}, other, other, hidden}}, `no network "workshop" in sight; strongest here: "office", "Workshop"`},
		{"", fake{air: []accessPoint{wpa2}}, `"workshop" wants a password: provision wifi-password; its signal is -60 dBm here`},
		{"", fake{air: []accessPoint{open}}, `"workshop" is in sight and does not let this gateway in; its signal is -55 dBm here`},
		{secret, fake{air: []accessPoint{open, other}}, `"workshop" does not offer WPA2, which alone is used with wifi-password: it is open, or older than that; its signal is -55 dBm here`},
		{secret, fake{air: []accessPoint{wpa3}}, `"workshop" does not offer WPA2 with a password and AES, which alone is supported, but SAE; its signal is -65 dBm here`},
		{secret, fake{air: []accessPoint{wpa3, wpa2}}, `"workshop" is in sight and does not let this gateway in: the password is wrong, or the access point keeps it out; its signal is -60 dBm here`},
		{secret, fake{refuses: errNoWPA2}, `cannot join "workshop": this radio's driver cannot join with a password by itself: only an open network can be used here`},
		{secret, fake{deaf: errors.New("no answer")}, `cannot join "workshop", and cannot look what is in sight: no answer`},
	} {
		live(t, "workshop", c.password, &c.radio, func(l *life) {
			l.passes(sayAgain / 2)
			l.must(t, c.want)
			if n := c.radio.joins; c.radio.missing == nil && (n < 15 || n > 60) {
				t.Errorf("%s: %d attempts in %v", c.want, n, sayAgain/2)
			}
			l.passes(sayAgain)
			l.must(t, c.want)
			// It never gives up.
			c.radio = fake{lets: "workshop"}
			l.passes(longestWait + joinWithin)
			l.must(t, `joined "workshop", -40 dBm, 2437 MHz`, "address 10.0.0.7/24")
		})
	}
}

func TestNoAddressIsTold(t *testing.T) {
	live(t, "workshop", "", &fake{lets: "workshop"}, func(l *life) {
		l.have = ""
		l.passes(addressWithin + stayPoll)
		l.must(t, `joined "workshop", -40 dBm, 2437 MHz`, `joined "workshop", and no address: no DHCP server of that network has given one (no offer)`)
		l.have = "10.0.0.7/24"
		l.passes(stayPoll)
		l.must(t, "address 10.0.0.7/24")
	})
}

// An access point that throws us out at once must not be asked, or told of, all the
// time.
func TestFlappingNetworkIsTriedLessOften(t *testing.T) {
	f := &fake{lets: "workshop"}
	live(t, "workshop", "", f, func(l *life) {
		for range 3600 {
			l.passes(time.Second)
			if l.leases > 0 {
				f.at = ""
			}
		}
		if f.joins < 30 || f.joins > 70 {
			t.Errorf("%d attempts in an hour", f.joins)
		}
		if len(l.said) > 250 {
			t.Errorf("%d lines in an hour", len(l.said))
		}
	})
}

func TestErrorsAreNoLoss(t *testing.T) {
	f := &fake{lets: "workshop"}
	live(t, "workshop", "", f, func(l *life) {
		l.passes(joinPoll)
		l.said = nil
		for range 3 {
			f.deaf = errors.New("no answer")
			l.passes(mostErrors * stayPoll)
			f.deaf = nil
			l.passes(stayPoll)
		}
		l.must(t)
		f.deaf = errors.New("no answer")
		l.passes((mostErrors + 1) * stayPoll)
		l.must(t, `lost "workshop": no answer`)
	})
}

// What it is joined to, and that is not ours, is left.
func TestAnotherNetworkIsLeft(t *testing.T) {
	f := &fake{at: "office", lets: "workshop"}
	live(t, "workshop", "", f, func(l *life) {
		l.passes(joinPoll)
		if f.at != "workshop" {
			t.Errorf("joined to %q", f.at)
		}
	})
}

// A name need not be UTF-8; the library that scans shows it so.
func TestNameOfAnyBytes(t *testing.T) {
	live(t, "caf\xe9", "", &fake{lets: "caf\xe9"}, func(l *life) {
		l.passes(joinPoll)
		l.must(t, `joined "caf\xe9", -40 dBm, 2437 MHz`, "address 10.0.0.7/24")
	})
}
