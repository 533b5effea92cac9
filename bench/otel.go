package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// otel is the collector's file_storage extension itself, driven with the
// operations of exporterhelper/internal/queue/persistent_queue.go v0.164.0: an
// item is put with the queue's metadata in one batch; to dispatch one, the
// metadata that names it is written and the item read in a second batch; when it
// is done, metadata and deletion are a third. fsync is on; the collector's default
// is off.
type otel struct {
	ext         extension.Extension
	client      storage.Client
	read, write uint64
	items       int64
	size        int64
}

const otelMetadata = "qmv0"

func openOTel(dir string, _ openOptions) (peer, error) {
	ctx := context.Background()
	f := filestorage.NewFactory()
	cfg := f.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory, cfg.FSync = dir, true
	ext, err := f.Create(ctx, extension.Settings{
		ID:                component.NewID(f.Type()),
		TelemetrySettings: component.TelemetrySettings{Logger: zap.NewNop()},
	}, cfg)
	if err != nil {
		return nil, fmt.Errorf("create file_storage: %w", err)
	}
	if err := ext.Start(ctx, nil); err != nil {
		return nil, fmt.Errorf("start file_storage: %w", err)
	}
	store, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("file_storage is %T, not a storage", ext)
	}
	client, err := store.GetClient(ctx, component.KindExporter, component.MustNewID("otlp"), "bench")
	if err != nil {
		return nil, fmt.Errorf("open file_storage: %w", err)
	}
	o := &otel{ext: ext, client: client}
	b, err := client.Get(ctx, otelMetadata)
	if err != nil {
		return nil, err
	}
	if b != nil {
		o.items, o.size = int64(binary.LittleEndian.Uint64(b[1:])), int64(binary.LittleEndian.Uint64(b[10:]))
		o.read, o.write = binary.LittleEndian.Uint64(b[19:]), binary.LittleEndian.Uint64(b[28:])
	}
	return o, nil
}

// metadata has the size of the collector's protobuf message: four fixed64 fields
// with their tags, and a packed list of what is being sent.
func (o *otel) metadata(dispatched ...uint64) []byte {
	var b []byte
	for i, v := range []uint64{uint64(o.items), uint64(o.size), o.read, o.write} {
		b = binary.LittleEndian.AppendUint64(append(b, byte(i+1)<<3|1), v)
	}
	if len(dispatched) > 0 {
		b = append(b, 5<<3|2, byte(8*len(dispatched)))
	}
	for _, v := range dispatched {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func (o *otel) enqueue(group [][]byte) error {
	var item []byte
	for _, m := range group {
		item = append(item, m...)
	}
	o.write++
	o.items += int64(len(group))
	o.size += int64(len(item))
	return o.client.Batch(context.Background(),
		storage.SetOperation(otelMetadata, o.metadata()),
		storage.SetOperation(strconv.FormatUint(o.write-1, 10), item))
}

func (o *otel) drain(n int) error {
	ctx := context.Background()
	for n > 0 {
		index := o.read
		o.read++
		get := storage.GetOperation(strconv.FormatUint(index, 10))
		if err := o.client.Batch(ctx, storage.SetOperation(otelMetadata, o.metadata(index)), get); err != nil {
			return err
		}
		k := len(get.Value) / payloadBytes
		if k == 0 {
			return fmt.Errorf("item %d is missing", index)
		}
		n -= k
		o.items -= int64(k)
		o.size -= int64(len(get.Value))
		if err := o.client.Batch(ctx, storage.SetOperation(otelMetadata, o.metadata()), storage.DeleteOperation(get.Key)); err != nil {
			return err
		}
	}
	return nil
}

func (o *otel) close() error {
	ctx := context.Background()
	if err := o.client.Close(ctx); err != nil {
		return err
	}
	return o.ext.Shutdown(ctx)
}
