//go:build !unix

package main

// noCore does nothing: no core files are known here.
func noCore() {}
