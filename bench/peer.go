package main

import "fmt"

// peer is a queue on disk as one program of the field keeps it. What it has
// returned from is durable.
type peer interface {
	enqueue(group [][]byte) error // in one commit, when it can
	drain(n int) error            // hands out the oldest n and removes them
	close() error
}

// layout is a way of keeping the queue.
type layout struct {
	name string
	open func(dir string, o openOptions) (peer, error)
	// recycles tells that a drained file has room that is used again.
	recycles bool
	// single tells that a group is one commit per reading.
	single bool
	// bulk opens for filling without syncs, for what would take too long otherwise;
	// nil when enqueue is quick enough.
	bulk func(dir string) (peer, error)
}

// openOptions are what layouts that need to know are told.
type openOptions struct {
	room int64 // bytes that will be written in all
}

const (
	nameStore    = "fieldpost store"
	nameRaw      = "raw append + fdatasync"
	nameInPlace  = "raw write into a zero-filled file + fdatasync"
	nameOTel     = "OpenTelemetry file_storage, fsync"
	nameTelegraf = "Telegraf disk buffer"
)

func layouts() []layout {
	return []layout{
		{name: nameRaw, open: openRaw},
		{name: nameInPlace, open: openInPlace},
		{name: nameStore, open: openQueue, recycles: true},
		{name: nameOTel, open: openOTel, recycles: true},
		{name: nameTelegraf, open: openTelegraf, single: true, bulk: bulkTelegraf},
	}
}

func layoutNamed(name string) (layout, error) {
	for _, l := range layouts() {
		if l.name == name {
			return l, nil
		}
	}
	return layout{}, fmt.Errorf("no layout %q", name)
}
