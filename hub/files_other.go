//go:build !unix

package hub

// syncDir does nothing: a directory cannot be synced on this platform, so a
// rename may be undone by a power cut.
func syncDir(string) error { return nil }
