package store

import (
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// Where a flag that has flipped makes a bucket of a value, trying the same file again
// would keep the store shut for ever.
func TestFlippedFlagIsDamage(t *testing.T) {
	d, err := createDisk(filepath.Join(t.TempDir(), "queue.db"), Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer d.abandon()
	key := []byte("key")
	if err := d.update(func(tx *bolt.Tx) error {
		_, err := tx.Bucket(bucketBlocks).CreateBucket(key)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*bolt.Bucket) error{
		"put":    func(b *bolt.Bucket) error { return b.Put(key, key) },
		"delete": func(b *bolt.Bucket) error { return b.Delete(key) },
	} {
		if err := d.update(func(tx *bolt.Tx) error { return change(tx.Bucket(bucketBlocks)) }); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
