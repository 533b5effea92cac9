package hub

import "strings"

// addressKind is what a link address names.
type addressKind int

const (
	addressUnknown    addressKind = iota
	addressCBS                    // $cbs
	addressTelemetry              // /devices/{id}/messages/events; here and below also /devices/{id}/modules/{module}/...
	addressDeviceQ                // /devices/{id}/messages/devicebound
	addressTwin                   // /devices/{id}/twin
	addressMethods                // /devices/{id}/methods/devicebound
	addressServiceQ               // /messages/devicebound
	addressFeedback               // /messages/serviceBound/feedback
	addressEvents                 // /messages/events..., redirected
	addressPartition              // {entity}/ConsumerGroups/{group}/Partitions/{n}
	addressEntity                 // {entity}
	addressProduce                // {entity}/Partitions/{n}
	addressManagement             // $management and {entity}/$management
)

// address is a parsed link address.
type address struct {
	kind      addressKind
	resource  resource
	deviceID  string   // decoded: the links of a device
	moduleID  string   // decoded: of a module, "" for the device itself
	rest      resource // events: what follows /messages/events
	partition string   // partitions, in both directions: the number as text
}

// identity names the device or module an address belongs to.
func (a address) identity() string { return identityName(a.deviceID, a.moduleID) }

// parseAddress reads a link address: with or without a leading slash or a
// scheme and host, its segments percent-encoded or not, its fixed words in any
// case. The host is not checked: a gateway's clients name another.
func parseAddress(text string) address {
	path := text
	if trimmed := trimScheme(text); trimmed != text {
		_, path, _ = strings.Cut(trimmed, "/")
	}
	res := splitPath(path)
	for i, segment := range res {
		res[i] = unescape(segment)
	}
	a := address{resource: res, moduleID: res.moduleID()}
	if a.moduleID != "" {
		res = append(resource{res[0], res[1]}, res[4:]...)
	}
	is := func(words ...string) bool {
		for i, word := range words {
			if i >= len(res) || res[i] == "" || word != "*" && !strings.EqualFold(word, res[i]) {
				return false
			}
		}
		return true
	}
	switch n := len(res); {
	case n == 1 && is("$cbs"):
		a.kind = addressCBS
	case n == 1 && is("$management"):
		a.kind = addressManagement
		a.resource = resource{entityName, "$management"}
	case n == 2 && is(entityName, "$management"):
		a.kind = addressManagement
	case n == 4 && is("devices", "*", "messages", "events"):
		a.kind, a.deviceID = addressTelemetry, res[1]
	case n == 4 && is("devices", "*", "messages", "devicebound"):
		a.kind, a.deviceID = addressDeviceQ, res[1]
	case n == 3 && is("devices", "*", "twin"):
		a.kind, a.deviceID = addressTwin, res[1]
	case n == 4 && is("devices", "*", "methods", "devicebound"):
		a.kind, a.deviceID = addressMethods, res[1]
	case n == 2 && is("messages", "devicebound"):
		a.kind = addressServiceQ
	case n == 3 && is("messages", "servicebound", "feedback"):
		a.kind = addressFeedback
	case is("messages", "events"):
		a.kind, a.rest = addressEvents, res[2:]
	case n == 1 && is(entityName):
		a.kind = addressEntity
	case n == 3 && is(entityName, "partitions", "*"):
		a.kind, a.partition = addressProduce, res[2]
	case n == 5 && is(entityName, "consumergroups", "*", "partitions", "*"):
		a.kind, a.partition = addressPartition, res[4]
	}
	return a
}
