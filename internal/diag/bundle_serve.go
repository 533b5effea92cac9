package diag

import (
	"context"
	"fmt"
	"io"

	"fieldpost/internal/http1"
)

// bundle streams a bundle, one at a time.
func (s *Server) bundle() func(context.Context, request, *http1.Answer) error {
	make := s.o.Provider.Bundle
	if make == nil {
		return nil
	}
	return func(ctx context.Context, r request, w *http1.Answer) error {
		select {
		case s.exporting <- struct{}{}:
		default:
			return refusal(http1.StatusServiceUnavailable, "an export or another bundle is under way", "wait until it has ended")
		}
		defer func() { <-s.exporting }()
		ctx, cancel := context.WithTimeout(ctx, bundleWithin)
		defer cancel()
		c := &chunks{w: w, within: s.o.ChunkWithin, kind: "application/gzip"}
		c.end(make(ctx, c))
		return nil
	}
}

// Bundle copies a bundle of the running agent to w.
func (c *Client) Bundle(ctx context.Context, w io.Writer) error {
	patient := *c
	patient.Within = bundleWithin + 2*ownWait
	ctx, cancel := context.WithTimeout(ctx, patient.Within)
	defer cancel()
	return patient.ask(ctx, http1.MethodGet, "/v1/bundle", nil, func(resp *http1.Response) error {
		n, err := io.Copy(taker{w}, io.LimitReader(resp.Body, maxAnswer+1))
		switch {
		case err != nil:
			return err
		case n > maxAnswer:
			return fmt.Errorf("the bundle is larger than %d bytes", maxAnswer)
		}
		return trailed(resp)
	})
}
