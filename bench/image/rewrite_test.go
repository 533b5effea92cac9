package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// One block more, and the queue of a gateway is gone.
func TestBookWritesNoFurtherThanTheSystem(t *testing.T) {
	if permanentAt%(4<<20) != 0 {
		t.Errorf("the permanent partition begins at %d, within a block of dd", permanentAt)
	}
	book, err := os.ReadFile("../../docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("bs=4M count=%d iflag=fullblock", systemBlocks); !strings.Contains(string(book), want) {
		t.Errorf("docs/OPERATING.md does not say %q", want)
	}
	script, err := os.ReadFile("../../scripts/image.sh")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("permanent_at=%d\n", permanentAt); !strings.Contains(string(script), want) {
		t.Errorf("scripts/image.sh does not say %q", want)
	}
}
