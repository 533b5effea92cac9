package store

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// compressor packs and unpacks blocks. Its tables are made when they are first
// needed: a gateway whose uplink keeps up never packs anything.
type compressor struct {
	once    [2]sync.Once
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	err     [2]error
	block   []byte // the one being packed
}

// unpackers is how many blocks are unpacked at a time.
const unpackers = 2

// window covers a block; the tables of the encoder grow with it.
const window = 8 << 10

func (c *compressor) pack(dst, raw []byte) ([]byte, error) {
	c.once[0].Do(func() {
		c.encoder, c.err[0] = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	})
	if c.err[0] != nil {
		return nil, c.err[0]
	}
	return c.encoder.EncodeAll(raw, dst), nil
}

func (c *compressor) unpack(packed []byte, size int) ([]byte, error) {
	c.once[1].Do(func() {
		c.decoder, c.err[1] = zstd.NewReader(nil, zstd.WithDecoderConcurrency(unpackers), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(2*maxRecord), zstd.WithDecoderMaxWindow(2*maxRecord))
	})
	if c.err[1] != nil {
		return nil, c.err[1]
	}
	return c.decoder.DecodeAll(packed, make([]byte, 0, size))
}
