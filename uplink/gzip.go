package uplink

import (
	"bytes"
	"compress/gzip"
)

// zipFrom is the size of a body from which packing it may pay: below, the header
// of gzip and what it needs to learn eat the gain.
const zipFrom = 1 << 10

// zipper packs bodies with gzip. A nil one packs none.
type zipper struct {
	out bytes.Buffer
	w   *gzip.Writer // made at the first body: it is a third of a megabyte
}

// squeeze returns body, or what takes at most nine tenths of it, which is good
// until the next call.
func (z *zipper) squeeze(body []byte) (out []byte, zipped bool) {
	if z == nil || len(body) < zipFrom {
		return body, false
	}
	z.out.Reset()
	if z.w == nil {
		z.w, _ = gzip.NewWriterLevel(&z.out, gzip.BestSpeed) // the level is a good one
	} else {
		z.w.Reset(&z.out)
	}
	// A buffer takes all it is given.
	_, _ = z.w.Write(body)
	_ = z.w.Close()
	if z.out.Len() > len(body)/10*9 {
		return body, false
	}
	return z.out.Bytes(), true
}
