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
	return redirection(host, uint16(port), entityName+"/"+strings.Join(a.rest, "/"))
}

func redirection(host string, port uint16, path string) *wire.Error {
	return &wire.Error{
		Condition:   wire.CondLinkRedirect,
		Description: "The link is served at another address.",
		Info: wire.Map{
			wire.Symbol("hostname"):     host,
			wire.Symbol("network-host"): host,
			wire.Symbol("port"):         port,
			wire.Symbol("address"):      "amqps://" + net.JoinHostPort(host, strconv.Itoa(int(port))) + "/" + path,
			infoTrackingID:              newTrackingID(),
		},
	}
}
