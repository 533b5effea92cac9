package wire

import (
	"bytes"
	"testing"
)

// FuzzUnmarshal: what decodes also encodes, and comes back.
func FuzzUnmarshal(f *testing.F) {
	for _, v := range values {
		f.Add(unhex(f, v.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, _, err := Unmarshal(b)
		if err != nil {
			return
		}
		once, err := Marshal(v)
		if err != nil {
			t.Fatalf("%#v: %v", v, err)
		}
		again, rest, err := Unmarshal(once)
		if err != nil || len(rest) > 0 {
			t.Fatalf("%x: %d left, %v", once, len(rest), err)
		}
		if twice, err := Marshal(again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x, then %x, %v", once, twice, err)
		}
	})
}

// FuzzFrame: a stream of frames, each body that parses is written and parsed again.
func FuzzFrame(f *testing.F) {
	for _, c := range bodies {
		frame, err := AppendFrame(nil, FrameAMQP, 1, c.body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(frame, frame...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewFrameReader(bytes.NewReader(b), 4096)
		for {
			in, err := r.Next()
			if err != nil {
				return
			}
			body, err := ParseBody(in.Body)
			if err != nil {
				continue
			}
			out, err := AppendFrame(nil, in.Type, in.Channel, body)
			if err != nil {
				t.Fatalf("%+v: %v", body, err)
			}
			if _, err := ParseBody(out[headerSize:]); err != nil {
				t.Fatalf("%x: %v", out, err)
			}
		}
	})
}

// FuzzBody: a performative that parses is written, and then written the same again.
func FuzzBody(f *testing.F) {
	for _, c := range bodies {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := ParseBody(b)
		if err != nil {
			return
		}
		once, err := AppendFrame(nil, FrameAMQP, 0, body)
		if err != nil {
			t.Fatalf("%+v: %v", body, err)
		}
		again, err := ParseBody(once[headerSize:])
		if err != nil {
			t.Fatalf("%x: %v", once, err)
		}
		if twice, err := AppendFrame(nil, FrameAMQP, 0, again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x, then %x, %v", once, twice, err)
		}
	})
}

// FuzzMessage: what parses also encodes, and comes back.
func FuzzMessage(f *testing.F) {
	f.Add(unhex(f, list("70", "41")+list("73", "a10178")+"005374c10702a1016ba10176"+"005375a00161"+"005375a00162"))
	f.Add(unhex(f, "005372c10502a3016b43"+"005377a10178"))
	f.Add(unhex(f, "005376c0020141"+"005378c10702a3016ba10176"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if err != nil {
			return
		}
		once, err := m.Marshal()
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		again, err := ParseMessage(once)
		if err != nil {
			t.Fatalf("%x: %v", once, err)
		}
		if twice, err := again.Marshal(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x, then %x, %v", once, twice, err)
		}
	})
}
