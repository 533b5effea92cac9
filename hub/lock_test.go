package hub

import "testing"

func TestLockTokenTextIsTheGUIDOfTheTag(t *testing.T) {
	tag := lockToken{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	if got, want := tag.String(), "00112233-4455-6677-8899-aabbccddeeff"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if a, b := newLockToken(), newLockToken(); a == b {
		t.Error("two tokens are the same")
	}
}
