//go:build !linux

package netwatch

import "context"

// Run does nothing until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
