package sensors

import "context"

// Source is one sensor that can be asked. A Source is used by one goroutine at
// a time, the owner of its bus.
type Source interface {
	// Sense takes one sample. It returns an error when nothing could be read;
	// a single doubtful value is returned with its Quality instead. It should
	// return when ctx ends, but the sampler does not rely on that.
	Sense(ctx context.Context) ([]Value, error)
	// Close releases what the source holds. The device itself is left as it is.
	Close() error
}

// Opener makes a Source, for the first time and again after failures: a chip
// that lost its power needs its set-up sequence anew. It must not scan a bus.
type Opener func(ctx context.Context) (Source, error)
