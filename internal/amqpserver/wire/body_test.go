package wire

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func ptr[T any](v T) *T { return &v }

// list composes the hex of a described list with 8-bit sizes.
func list(code string, fields ...string) string {
	content := strings.ReplaceAll(strings.Join(fields, ""), " ", "")
	if len(fields) == 0 {
		return "0053" + code + "45"
	}
	return "0053" + code + "c0" + hexByte(len(content)/2+1) + hexByte(len(fields)) + content
}

func hexByte(n int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[n>>4], digits[n&15]})
}

// Frame bodies and their bytes, field by field as the specification lists them.
var bodies = []struct {
	hex  string
	body Body
}{
	{
		list("10", "a10163", "40", "7000010000", "601fff"),
		&Open{ContainerID: "c", MaxFrameSize: 65536, ChannelMax: 8191},
	},
	{
		list("10", "a10163", "a10168", "52ff", "600007", "5209", "e00501a302656e", "e00501a3026465",
			"e00601a3036f6666", "e00802a3026431026432", "c10a02a30574726163655001"),
		&Open{
			ContainerID: "c", Hostname: "h", MaxFrameSize: 255, ChannelMax: 7, IdleTimeout: 9,
			OutgoingLocales: []Symbol{"en"}, IncomingLocales: []Symbol{"de"},
			OfferedCapabilities: []Symbol{"off"}, DesiredCapabilities: []Symbol{"d1", "d2"},
			Properties: Map{Symbol("trace"): uint8(1)},
		},
	},
	{
		list("11", "600005", "5201", "7000001388", "5202", "700003ffff"),
		&Begin{RemoteChannel: ptr(uint16(5)), NextOutgoingID: 1, IncomingWindow: 5000, OutgoingWindow: 2, HandleMax: 262143},
	},
	{
		list("12", "a1016e", "43", "42", "5002", "5001",
			list("28", "a10161", "5201", "a3056e65766572", "5202", "41", "c10100", "a3046d6f7665",
				"c10a02a30166005305a10178", list("26"), "e00701a3046c697374", "e00301a300"),
			list("29", "a100", "40", "40", "40", "40", "40", "e00602a301610162"),
			"40", "41", "5207", "5364", "40", "40", "c10702a3016ba10176"),
		&Attach{
			Name: "n", SndSettleMode: SndMixed, RcvSettleMode: RcvSecond,
			Source: &Source{
				Address: "a", AddressPresent: true, Durable: 1, ExpiryPolicy: "never", Timeout: 2, Dynamic: true,
				DynamicNodeProperties: Map{}, DistributionMode: "move",
				Filter:         Map{Symbol("f"): Described{uint64(5), "x"}},
				DefaultOutcome: Released{}, Outcomes: []Symbol{"list"}, Capabilities: []Symbol{""},
			},
			Target:              &Target{AddressPresent: true, Capabilities: []Symbol{"a", "b"}},
			IncompleteUnsettled: true, InitialDeliveryCount: ptr(uint32(7)), MaxMessageSize: 100,
			Properties: Map{Symbol("k"): "v"},
		},
	},
	{
		list("12", "a1016e", "5201", "41", "5000", "5000", "40", list("30")),
		&Attach{Name: "n", Handle: 1, Role: RoleReceiver, Coordinator: true},
	},
	{
		list("13", "40", "5201", "5202", "5203"),
		&Flow{IncomingWindow: 1, NextOutgoingID: 2, OutgoingWindow: 3},
	},
	{
		list("13", "43", "5201", "5202", "70ffffffff", "43", "5204", "5205", "43", "41", "41", "c10100"),
		&Flow{
			NextIncomingID: ptr(uint32(0)), IncomingWindow: 1, NextOutgoingID: 2, OutgoingWindow: math.MaxUint32,
			Handle: ptr(uint32(0)), DeliveryCount: ptr(uint32(4)), LinkCredit: ptr(uint32(5)), Available: ptr(uint32(0)),
			Drain: true, Echo: true, Properties: Map{},
		},
	},
	{
		list("14", "43") + "ca fe",
		&Transfer{Payload: []byte{0xca, 0xfe}},
	},
	{
		list("14", "5201", "43", "a00174", "7080013700", "41", "41", "5001", list("23", "5201", "5302"), "41", "41", "41"),
		&Transfer{
			Handle: 1, DeliveryID: ptr(uint32(0)), DeliveryTag: []byte("t"), MessageFormat: ptr(uint32(0x80013700)),
			Settled: true, More: true, RcvSettleMode: ptr(RcvSecond), State: Received{1, 2}, Resume: true, Aborted: true, Batchable: true,
			Payload: []byte{},
		},
	},
	{list("15", "41", "43"), &Disposition{Role: RoleReceiver}},
	{
		list("15", "42", "5201", "5202", "41", list("24"), "41"),
		&Disposition{First: 1, Last: ptr(uint32(2)), Settled: true, State: Accepted{}, Batchable: true},
	},
	{
		list("15", "41", "43", "40", "40", list("25", list("1d", "a303613a62", "a10177", "c10100"))),
		&Disposition{Role: RoleReceiver, State: Rejected{&Error{Condition: "a:b", Description: "w", Info: Map{}}}},
	},
	{list("15", "41", "43", "40", "40", list("25")), &Disposition{Role: RoleReceiver, State: Rejected{}}},
	{
		list("15", "41", "43", "40", "40", list("27", "41", "41", "c10602a301785109")),
		&Disposition{Role: RoleReceiver, State: Modified{true, true, Map{Symbol("x"): int8(9)}}},
	},
	{
		list("15", "41", "43", "40", "40", "005334c00502a0017840"),
		&Disposition{Role: RoleReceiver, State: OtherState{Described{uint64(0x34), List{[]byte("x"), nil}}}},
	},
	{list("16", "5203", "41", list("1d", "a303613a62")), &Detach{Handle: 3, Closed: true, Error: &Error{Condition: "a:b"}}},
	{list("17"), &End{}},
	{list("18", list("1d", "a300", "a10177")), &Close{Error: &Error{Description: "w"}}},
	{list("40", "e00802a301410358595a"), &SASLMechanisms{Mechanisms: []Symbol{"A", "XYZ"}}},
	{list("41", "a305504c41494e", "a003006100"), &SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00a\x00")}},
	{list("41", "a30141", "40", "a10168"), &SASLInit{Mechanism: "A", Hostname: "h"}},
	{list("42", "a00178"), &SASLChallenge{Challenge: []byte("x")}},
	{list("43", "a000"), &SASLResponse{Response: []byte{}}},
	{list("44", "5000", "a0025765"), &SASLOutcome{AdditionalData: []byte("We")}},
}

func TestBodies(t *testing.T) {
	for _, c := range bodies {
		b := unhex(t, c.hex)
		got, err := ParseBody(b)
		if err != nil || !reflect.DeepEqual(got, c.body) {
			t.Errorf("%s:\n%+v, %v; want\n%+v", c.hex, got, err, c.body)
			continue
		}
		f, err := AppendFrame([]byte("before"), FrameSASL, 0x102, c.body)
		if err != nil {
			t.Fatal(err)
		}
		head := []byte{0, 0, 0, byte(8 + len(b)), 2, 1, 1, 2}
		if want := append(append([]byte("before"), head...), b...); !bytes.Equal(f, want) {
			t.Errorf("%T:\n%x, want\n%x", c.body, f, want)
		}
	}
}

// Symbolic descriptors, wide forms, single symbols where several may stand,
// absent fields and fields of a later specification.
func TestBodiesReadLeniently(t *testing.T) {
	cases := []struct {
		hex  string
		body Body
	}{
		{"00 a3 0d 616d71703a656e643a6c697374 45", &End{}},
		{"00 80 0000000000000017 d0 00000004 00000000", &End{}},
		{list("10", "b10000000163"), &Open{ContainerID: "c", MaxFrameSize: math.MaxUint32, ChannelMax: math.MaxUint16}},
		{list("11", "40", "43", "7000000000", "5200"), &Begin{HandleMax: math.MaxUint32}},
		{list("12", "a1016e", "43", "5600"), &Attach{Name: "n", SndSettleMode: SndMixed}},
		{list("17", "40", "a10178", "45"), &End{}},
		{list("40", "a30141"), &SASLMechanisms{Mechanisms: []Symbol{"A"}}},
		{list("15", "41", "43", "40", "40", "00a312616d71703a61636365707465643a6c69737445"), &Disposition{Role: RoleReceiver, State: Accepted{}}},
	}
	for _, c := range cases {
		if got, err := ParseBody(unhex(t, c.hex)); err != nil || !reflect.DeepEqual(got, c.body) {
			t.Errorf("%s: %+v, %v; want %+v", c.hex, got, err, c.body)
		}
	}
}

func TestBadBodies(t *testing.T) {
	for name, s := range map[string]string{
		"empty":                 "",
		"no description":        "45",
		"no list":               "00 53 17 41",
		"message section":       list("70"),
		"unknown symbol":        "00 a3 01 78 45",
		"rest":                  list("17") + "40",
		"mandatory missing":     list("10"),
		"mandatory null":        list("13", "40", "40", "43", "43"),
		"string for symbol":     list("41", "a10141"),
		"ulong for uint":        list("16", "5303"),
		"uint for ushort":       list("10", "a10163", "40", "40", "5201"),
		"uint for ubyte":        list("12", "a1016e", "43", "42", "5202"),
		"int for boolean":       list("12", "a1016e", "43", "5401"),
		"source for target":     list("12", "a1016e", "43", "42", "40", "40", "40", list("28")),
		"target for source":     list("12", "a1016e", "43", "42", "40", "40", list("29")),
		"source no list":        list("12", "a1016e", "43", "42", "40", "40", "00532841"),
		"error of another kind": list("17", list("24")),
		"error no condition":    list("17", list("1d")),
		"list for map":          list("13", "40", "43", "43", "43", "40", "40", "40", "40", "40", "40", "45"),
		"strings for symbols":   list("40", "e00401a1"+"0141"),
		"map for symbols":       list("40", "c10100"),
		"received no offset":    list("15", "41", "43", "40", "40", list("23", "43")),
		"field cut short":       "00 53 17 c0 03 01 70 00",
	} {
		got, err := ParseBody(unhex(t, s))
		var e *Error
		if !errors.As(err, &e) || e.Condition != CondDecodeError {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestFrameReader(t *testing.T) {
	stream := unhex(t, "00000008 02 00 0000"+ // heartbeat
		"0000000c 02 01 0102 53544556"+
		"00000010 03 00 0000 ffffffff 53544556"+ // extended header
		"0000000a 02 00 0000 0102")
	for name, in := range map[string]io.Reader{
		"at once":      bytes.NewReader(stream),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		r := NewFrameReader(in, 16)
		for i, want := range []Frame{
			{Body: []byte{}}, {Type: 1, Channel: 0x102, Body: []byte("STEV")}, {Body: []byte("STEV")}, {Body: []byte{1, 2}},
		} {
			f, err := r.Next()
			if err != nil || f.Type != want.Type || f.Channel != want.Channel || !bytes.Equal(f.Body, want.Body) {
				t.Fatalf("%s, frame %d: %+v, %v", name, i, f, err)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestFrameReaderFaults(t *testing.T) {
	for name, c := range map[string]struct {
		hex  string
		want error
	}{
		"header cut short": {"000000", io.ErrUnexpectedEOF},
		"body missing":     {"0000000c 02 00 0000", io.ErrUnexpectedEOF},
		"body cut short":   {"0000000c 02 00 0000 01", io.ErrUnexpectedEOF},
		"too large":        {"00000201 02 00 0000", nil},
		"4 GiB":            {"ffffffff 02 00 0000", nil},
		"too small":        {"00000007 02 00 0000", nil},
		"offset too small": {"00000008 01 00 0000", nil},
		"offset too large": {"00000008 03 00 0000", nil},
	} {
		_, err := NewFrameReader(bytes.NewReader(unhex(t, c.hex)), 512).Next()
		var e *Error
		if c.want != nil && err != c.want || c.want == nil && (!errors.As(err, &e) || e.Condition != CondFramingError) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is announced and does not come takes no memory.
func TestFrameReaderGrowsWithTheData(t *testing.T) {
	const announced = 1 << 30
	r := NewFrameReader(io.MultiReader(
		bytes.NewReader([]byte{0x40, 0, 0, 0, 2, 0, 0, 0}), bytes.NewReader(make([]byte, 10_000))), announced)
	if _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	if cap(r.buf) > 20_000 {
		t.Fatalf("%d bytes held", cap(r.buf))
	}
}

// The symbolic descriptors of the specification.
func TestSymbolicDescriptors(t *testing.T) {
	for code, name := range map[uint64]Symbol{
		0x10: "open:list", 0x11: "begin:list", 0x12: "attach:list", 0x13: "flow:list", 0x14: "transfer:list",
		0x15: "disposition:list", 0x16: "detach:list", 0x17: "end:list", 0x18: "close:list", 0x1d: "error:list",
		0x23: "received:list", 0x24: "accepted:list", 0x25: "rejected:list", 0x26: "released:list", 0x27: "modified:list",
		0x28: "source:list", 0x29: "target:list", 0x30: "coordinator:list",
		0x40: "sasl-mechanisms:list", 0x41: "sasl-init:list", 0x42: "sasl-challenge:list", 0x43: "sasl-response:list", 0x44: "sasl-outcome:list",
		0x70: "header:list", 0x71: "delivery-annotations:map", 0x72: "message-annotations:map", 0x73: "properties:list",
		0x74: "application-properties:map", 0x75: "data:binary", 0x76: "amqp-sequence:list", 0x77: "amqp-value:*", 0x78: "footer:map",
	} {
		if got := codeOfSymbol("amqp:" + name); got != code {
			t.Errorf("%s is 0x%x, want 0x%x", name, got, code)
		}
	}
}
