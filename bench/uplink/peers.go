package main

import (
	"context"
	"time"

	"fieldpost/store"
	"fieldpost/uplink"
)

// peer is one way to send telemetry.
type peer struct {
	name    string
	flight  int // messages on their way at most, which bounds it where answers take their time
	ordered bool
	foreign bool // Node
	send    func(context.Context, task, *meter) error
}

const (
	window     = 512
	batchSize  = 100
	batches    = 8
	nodeFlight = 64
)

const (
	nameSequential = "go-amqp, one after the other"
	nameWindow     = "go-amqp, window 512"
	nameBatches    = "go-amqp, batches of 100, 8 in flight"
	nameNode       = "azure-iot-device for Node, 64 at a time"
	nameSingles    = "drain, singles, from memory"
	nameSinglesOld = "drain, singles, from disk"
	nameMemory     = "drain, batches, from memory"
	nameDisk       = "drain, batches, from disk"
)

func peers() []peer {
	singles := func(o *uplink.DrainOptions) { o.Window, o.WindowBytes, o.BatchRecords = window, 8<<20, 1 }
	batched := func(o *uplink.DrainOptions) { o.Window, o.BatchRecords = batches, batchSize }
	return []peer{
		{name: nameSequential, flight: 1, send: sendRaw(sendSequentially)},
		{name: nameWindow, flight: window, send: sendRaw(sendWindow)},
		{name: nameBatches, flight: batches * batchSize, send: sendRaw(sendBatches)},
		{name: nameNode, flight: nodeFlight, foreign: true},
		{name: nameSingles, flight: window, ordered: true, send: drainMemory(singles)},
		{name: nameSinglesOld, flight: window, ordered: true, send: drainDisk(singles)},
		{name: nameMemory, flight: batches * batchSize, ordered: true, send: drainMemory(batched)},
		{name: nameDisk, flight: batches * batchSize, ordered: true, send: drainDisk(batched)},
	}
}

func storeOptions(dir string) store.Options {
	return store.Options{Dir: dir, MaxBytes: 400 << 20, DailyWrites: 1 << 50, CommitEvery: 5 * time.Second}
}
