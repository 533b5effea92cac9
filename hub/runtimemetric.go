package hub

import (
	"time"

	"fieldpost/internal/amqpserver/wire"
)

// withMetrics puts before an encoded event where its partition ends, for readers
// that asked to be told with each event.
func withMetrics(payload []byte, last place) ([]byte, error) {
	ahead := wire.Message{DeliveryAnnotations: wire.Map{
		wire.Symbol("last_enqueued_sequence_number"):   last.sequence,
		wire.Symbol("last_enqueued_offset"):            offsetText(last.offset),
		wire.Symbol("last_enqueued_time_utc"):          last.enqueued,
		wire.Symbol("runtime_info_retrieval_time_utc"): time.Now(),
	}}
	b, err := ahead.Marshal()
	if err != nil {
		return nil, err
	}
	return append(b, payload...), nil
}
