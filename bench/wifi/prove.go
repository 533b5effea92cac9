package main

import (
	"fmt"
	"strings"
	"time"
)

const (
	proven = "PROVEN"
	secret = "correct horse battery"
)

// check prints a row of the table.
func check(what, expected, seen string, good bool) {
	verdict := proven
	if !good {
		verdict = "FAILED"
	}
	fmt.Println(rowMark + strings.Join([]string{what, expected, strings.ReplaceAll(seen, "\t", " "), verdict}, "\t"))
}

// step ends the proof at what only its own means can have failed at.
func step(err error) {
	if err != nil {
		check("the means of this proof", "work", err.Error(), false)
		panic(err)
	}
}

func prove() {
	defer func() { _ = recover() }()
	var said []string
	// live runs the card's program with what was provisioned, and looks.
	live := func(name, password string, look func(*card)) {
		step(provision(name, password))
		c, err := start()
		step(err)
		look(c)
		c.end()
		said = append(said, c.lines...)
	}
	// says is a row for a line of the program's log.
	says := func(c *card, what, words string, after int) {
		line := c.says(words, after)
		check(what, words, line, strings.Contains(line, words))
	}
	var a *accessPoint
	live(network, "", func(c *card) {
		says(c, "a board without a radio", "no radio", 0)
		step(load(func(name string) bool { return strings.Contains(name, simulator) }))
		var err error
		a, err = newAccessPoint()
		step(err)
		says(c, "a radio comes; no access point is on", `no network "`+network+`" in sight; nor any other`, 0)
		at := c.spoken()
		step(a.run("/usr/bin/busybox", "httpd", "-f", "-p", address+":80", "-h", "/"))
		step(a.serve())
		step(a.on(""))
		joined := func(what string) {
			says(c, what, `joined "`+network+`", -`, at)
			says(c, "its address", "address 10.9.0.", at)
			got := fetched()
			check("a page of the other end", "comes", got, strings.HasPrefix(got, "HTTP"))
		}
		joined("an open network")
		for _, way := range []struct {
			what string
			ends func() error
		}{{"the access point is switched off", func() error { a.off(); return nil }}, {"it loses its power", a.fails}} {
			at = c.spoken()
			step(way.ends())
			says(c, way.what, `lost "`+network+`"`, at)
			step(a.on(""))
			joined("and is there again")
		}
		at = c.spoken()
		time.Sleep(time.Minute)
		check("a minute without a change", "no line", fmt.Sprintf("%d lines", c.spoken()-at), c.spoken() == at)
		check("DHCP clients", "1", fmt.Sprint(alive("/gokrazy/dhcp")), alive("/gokrazy/dhcp") == 1)
	})
	for range 50 {
		if alive("/gokrazy/dhcp") == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	check("DHCP clients when the program was killed", "0", fmt.Sprint(alive("/gokrazy/dhcp")), alive("/gokrazy/dhcp") == 0)
	live(network, "", func(c *card) {
		says(c, "the program again, the radio still joined", "address 10.9.0.", 0)
		a.stop(dhcpd)
		a.off()
		says(c, "the network goes, and its DHCP server", `lost "`+network+`"`, 0)
		step(a.on(""))
		says(c, "the network comes without it", "no address: no DHCP server", 0)
		at := c.spoken()
		step(a.serve())
		says(c, "the server comes", "address 10.9.0.", at)
	})
	live("werkshop", "", func(c *card) {
		says(c, "a name nobody has", `no network "werkshop" in sight; strongest here: "`+network+`"`, 0)
	})
	live(network, secret, func(c *card) {
		says(c, "a password, and a radio that leaves WPA2 to others", "only an open network can be used here", 0)
	})
	a.off()
	step(a.on("wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=" + secret + "\n"))
	live(network, "", func(c *card) {
		says(c, "no password, and a network that wants one", "wants a password: provision wifi-password", 0)
	})
	n := strings.Count(strings.Join(said, "\n"), secret)
	check("the password in the log", "nowhere", fmt.Sprintf("%d times in %d lines", n, len(said)), n == 0 && len(said) > 10)
}
