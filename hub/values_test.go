package hub

import (
	"reflect"
	"testing"
	"time"

	"fieldpost/internal/amqpserver/wire"
)

func TestPublicValueHasNoTypeOfTheEngine(t *testing.T) {
	at := time.Unix(1, 0)
	cases := []struct{ in, want any }{
		{nil, nil},
		{"text", "text"},
		{int32(5), int32(5)},
		{at, at},
		{wire.Symbol("sym"), "sym"},
		{wire.UUID{0x01, 15: 0x02}, "01000000-0000-0000-0000-000000000002"},
		{wire.Char('x'), 'x'},
		{wire.Decimal32{1, 2, 3, 4}, "01020304"},
		{wire.Map{wire.Symbol("k"): wire.Symbol("v"), int32(1): "n"}, map[string]any{"k": "v", "1": "n"}},
		{wire.List{wire.Symbol("a"), nil}, []any{"a", nil}},
		{wire.Array{wire.Symbol("a")}, []any{"a"}},
		{wire.Described{Descriptor: uint64(1), Value: wire.Symbol("d")}, "d"},
	}
	for _, c := range cases {
		if got := publicValue(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%#v becomes %#v, want %#v", c.in, got, c.want)
		}
	}
}

func TestEventBody(t *testing.T) {
	for want, m := range map[string]*wire.Message{
		"ab": {Data: [][]byte{[]byte("a"), []byte("b")}},
		"s":  {Value: "s", HasValue: true},
		"b":  {Value: []byte("b"), HasValue: true},
		"":   {Value: int32(1), HasValue: true},
	} {
		if got := string(newEvent("d", 0, m).Body); got != want {
			t.Errorf("body %q, want %q", got, want)
		}
	}
}

func TestIDText(t *testing.T) {
	for want, id := range map[string]any{
		"": nil, "x": "x", "18446744073709551615": ^uint64(0), "ff00": []byte{0xff, 0},
		"01000000-0000-0000-0000-000000000000": wire.UUID{1},
	} {
		if got := idText(id); got != want {
			t.Errorf("%v becomes %q, want %q", id, got, want)
		}
	}
}

// A key that is no symbol goes no further, as in the cloud, and none poses as the
// hub's own.
func TestAnnotationsThatGoOn(t *testing.T) {
	kept := keepAnnotations(wire.Map{
		"dt-subject": "text", wire.Symbol("dt-subject"): "symbol", uint64(1): "number", wire.Symbol("Diagnostic-Id"): "d",
		wire.Symbol("iothub-connection-device-id"): "other", wire.Symbol("x-opt-offset"): "7", wire.Symbol("iothub-enqueuedtime"): nil,
	})
	if len(kept) != 2 || kept[wire.Symbol("dt-subject")] != "symbol" || kept[wire.Symbol("Diagnostic-Id")] != "d" {
		t.Errorf("kept %v", kept)
	}
}
