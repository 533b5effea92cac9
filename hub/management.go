package hub

import (
	"strconv"
	"strings"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

const (
	typeEventHub  = "com.microsoft:eventhub"
	typePartition = "com.microsoft:partition"
)

// openManagement answers the two links of the entity's management node.
func (p *peer) openManagement(l *amqpserver.Link) {
	p.management.serve(l, p.hub.manage)
}

// manage does one request: READ of the entity or of a partition.
func (h *Hub) manage(m *wire.Message) (status int32, description string, body any) {
	text := func(key string) string {
		s, _ := m.ApplicationProperties[key].(string)
		return s
	}
	if !strings.EqualFold(text("operation"), "READ") {
		return statusBadRequest, "operation is not READ", wire.Map{}
	}
	if !strings.EqualFold(text("name"), entityName) {
		return statusNotFound, "no entity of this name", wire.Map{}
	}
	switch text("type") {
	case typeEventHub:
		ids := make(wire.Array, len(h.events.partitions))
		for i := range ids {
			ids[i] = strconv.Itoa(i)
		}
		return statusOK, "OK", wire.Map{
			"name":                  entityName,
			"type":                  typeEventHub,
			"created_at":            h.events.created,
			"partition_count":       int32(len(ids)),
			"partition_ids":         ids,
			"georeplication_factor": int32(1),
		}
	case typePartition:
		n, err := strconv.ParseUint(text("partition"), 10, 16)
		if err != nil || n >= uint64(len(h.events.partitions)) {
			return statusNotFound, "no partition of this number", wire.Map{}
		}
		s := h.events.partitions[n].state()
		return statusOK, "OK", wire.Map{
			"name":                          entityName,
			"type":                          typePartition,
			"partition":                     strconv.FormatUint(n, 10),
			"begin_sequence_number":         s.begin,
			"last_enqueued_sequence_number": s.last.sequence,
			"last_enqueued_offset":          offsetText(s.last.offset),
			"last_enqueued_time_utc":        s.last.enqueued,
			"is_partition_empty":            s.empty,
		}
	default:
		return statusBadRequest, "type is not known", wire.Map{}
	}
}
