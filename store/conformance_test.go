package store_test

import (
	"testing"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Conformance(t, func(_ testing.TB, o store.Options) *store.Store { return store.New(o) })
}
