package main

import (
	"encoding/json"
	"testing"
)

func TestReadingsAreJSONOfOneLength(t *testing.T) {
	s := newSampler(7)
	seen := map[string]bool{}
	for range 1000 {
		b := s.next()
		if len(b) != payloadBytes || !json.Valid(b) {
			t.Fatalf("%d bytes: %s", len(b), b)
		}
		if seen[string(b)] {
			t.Fatalf("twice: %s", b)
		}
		seen[string(b)] = true
	}
}
