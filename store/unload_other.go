//go:build !linux

package store

import bolt "go.etcd.io/bbolt"

// unload does nothing here: the kernel drops the pages of the file by itself.
func (d *disk) unload(*bolt.Tx) {}
