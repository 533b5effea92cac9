package main

import (
	"strings"
	"testing"
	"time"

	"fieldpost/bench/desk"
)

func TestRowsAreChosenByName(t *testing.T) {
	all, err := choose(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range all {
		if seen[r.name] || strings.ContainsAny(r.name, " /\t") || r.what == "" || r.sensors == 0 || r.every == 0 {
			t.Errorf("row %+v", r)
		}
		seen[r.name] = true
		if (r.silent || r.proxy) && r.fault == nil {
			t.Errorf("%s promises a fault and has none", r.name)
		}
	}
	some, err := choose(nil, true)
	if err != nil || len(some) == 0 || len(some) >= len(all) {
		t.Errorf("the short form has %d of %d rows, %v", len(some), len(all), err)
	}
	two, err := choose([]string{"mtu", "clean"}, false)
	if err != nil || len(two) != 2 || two[0].name != "mtu" {
		t.Errorf("%+v, %v", two, err)
	}
	if _, err := choose([]string{"mtu", "none"}, false); err == nil {
		t.Error("a row that there is not is chosen")
	}
}

func TestResultsAreJudged(t *testing.T) {
	good := result{Name: "good", Outage: true, Account: desk.Account{Produced: 10, Delivered: 8, Kept: 2, Duplicates: 5}, Resume: time.Second, Attempts: 3, Peak: 20 << 20}
	if err := good.judge(); err != nil {
		t.Errorf("a good result is refuted: %v", err)
	}
	for word, spoil := range map[string]func(*result){
		"lost":      func(r *result) { r.Account.Missing = []string{"x"} },
		"produced":  func(r *result) { r.Account.Strange = []string{"x"} },
		"delivered": func(r *result) { r.Account.Delivered = 0 },
		"attempts":  func(r *result) { r.Attempts = attemptLimit + 1 },
		"resident":  func(r *result) { r.Peak = peakLimit + 1 },
		"resumed":   func(r *result) { r.Resume = resumeAfter + 1 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.judge(); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}
