package hub

import (
	"net"
	"strconv"
	"strings"

	"fieldpost/internal/amqpserver/wire"
)

// redirect tells a service where the events are: in the entity, at the same
// listener.
func (h *Hub) redirect(a address) *wire.Error {
	host, port := h.names.host, h.names.port
	if port == 0 {
		port = amqpsPort
	}
	to := "amqps://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/" + entityName + "/" + strings.Join(a.rest, "/")
	return &wire.Error{
		Condition:   wire.CondLinkRedirect,
		Description: "The events of this hub are read from another address.",
		Info: wire.Map{
			wire.Symbol("hostname"):     host,
			wire.Symbol("network-host"): host,
			wire.Symbol("port"):         uint16(port),
			wire.Symbol("address"):      to,
			infoTrackingID:              newTrackingID(),
		},
	}
}
