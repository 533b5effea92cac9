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
func (h *Hub) manage(m *wire.Message) answer {
	text := func(key string) string {
		s, _ := m.ApplicationProperties[key].(string)
		return s
	}
	if !strings.EqualFold(text("operation"), "READ") {
		return refuseRead(wire.CondNotImplemented, "operation is not READ")
	}
	if name := text("name"); !strings.EqualFold(name, entityName) {
		e := faultEntity(wire.CondNotFound, "The messaging entity 'hub:eventhub:%.200s' could not be found.", name)
		return answer{status: statusNotFound, description: e.Description, condition: e.Condition}
	}
	switch text("type") {
	case typeEventHub:
		return answer{status: statusOK, description: "OK", body: h.describeEntity()}
	case typePartition:
		p := h.events.partition(text("partition"))
		if p == nil {
			e := h.events.faultPartition()
			return refuseRead(e.Condition, e.Description)
		}
		return answer{status: statusOK, description: "OK", body: p.describe()}
	default:
		return refuseRead(wire.CondNotImplemented, "type is not known")
	}
}

func refuseRead(condition wire.Symbol, description string) answer {
	return answer{status: statusBadRequest, description: description, condition: condition}
}

func (h *Hub) describeEntity() wire.Map {
	ids := make(wire.Array, len(h.events.partitions))
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	return wire.Map{
		"name":                  entityName,
		"type":                  typeEventHub,
		"created_at":            h.events.created,
		"partition_count":       int32(len(ids)),
		"partition_ids":         ids,
		"georeplication_factor": int32(1),
	}
}

func (p *partition) describe() wire.Map {
	s := p.state()
	return wire.Map{
		"name":                          entityName,
		"type":                          typePartition,
		"partition":                     strconv.Itoa(p.id),
		"begin_sequence_number":         s.begin,
		"last_enqueued_sequence_number": s.last.sequence,
		"last_enqueued_offset":          offsetText(s.last.offset),
		"last_enqueued_time_utc":        s.last.enqueued,
		"is_partition_empty":            s.empty,
	}
}
