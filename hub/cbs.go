package hub

import (
	"fmt"
	"strings"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

const maxClaims = 1000 // tokens per connection

// openCBS answers the two links of claims based security.
func (p *peer) openCBS(l *amqpserver.Link) {
	p.cbs.serve(l, func(request *wire.Message) answer {
		status, description := p.putToken(request)
		if status != statusOK {
			p.hub.log.Info("token refused", "peer", p.conn.RemoteAddr(), "status", status, "reason", short(description))
		}
		return answer{status: status, description: description}
	})
}

// putToken does one request on $cbs.
func (p *peer) putToken(m *wire.Message) (status int32, description string) {
	operation, _ := m.ApplicationProperties["operation"].(string)
	if !strings.EqualFold(operation, "put-token") {
		return statusBadRequest, "operation is not put-token"
	}
	switch kind, _ := m.ApplicationProperties["type"].(string); kind {
	case "servicebus.windows.net:sastoken", "azure-devices.net:sastoken":
	default:
		return statusBadRequest, "type is missing or not known"
	}
	name, _ := m.ApplicationProperties["name"].(string)
	if name == "" {
		return statusBadRequest, "name is missing"
	}
	token, ok := m.Value.(string)
	if !ok {
		return statusBadRequest, "body is not a string value"
	}
	audience, ok := p.hub.names.parseAudience(name)
	if !ok {
		return statusUnauthorized, "name is of another host than " + p.hub.HostName()
	}
	c, err := p.hub.verify(token)
	if err != nil {
		return statusUnauthorized, err.Error()
	}
	if !c.resource.covers(p.hub.registry.canonical(audience)) {
		return statusUnauthorized, "token does not cover the name"
	}
	if !p.grant(c) {
		return statusTooMany, fmt.Sprintf("ErrorCode:IotHubMaxCbsTokenExceeded;403005: the connection has %d tokens, the most there can be", maxClaims)
	}
	return statusOK, "OK"
}
