package hub

import "math/bits"

// linkKinds is a set of kinds of links.
type linkKinds uint16

const (
	linkTelemetry linkKinds = 1 << iota
	linkDevicebound
	linkCBS
	linkTwin
	linkMethods
	linkServicebound
	linkFeedback
	linkEvents
	linkProducer
	linkManagement

	linksAll linkKinds = 1<<iota - 1
	// linksHeard are those on which the peer sends messages or settles ours with an
	// effect.
	linksHeard = linksAll &^ linkEvents
	// linksSending are those the peer sends on.
	linksSending = linksAll &^ (linkDevicebound | linkEvents)
)

// linkNames are in the order of the constants.
func linkNames() []string {
	return []string{"telemetry", "devicebound", "cbs", "twin", "methods",
		"servicebound", "feedback", "events", "producer", "management"}
}

// words returns the names of the kinds.
func (k linkKinds) words() []string {
	var words []string
	for names := linkNames(); k != 0; k &= k - 1 {
		words = append(words, names[bits.TrailingZeros16(uint16(k))])
	}
	return words
}

// wordAll stands for every kind of link.
const wordAll = "all"

// linkKindOf returns the kind called name, 0 for none.
func linkKindOf(name string) linkKinds {
	if name == wordAll {
		return linksAll
	}
	for i, n := range linkNames() {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// linkKind returns the kind of a link with this address.
func (a address) linkKind() linkKinds {
	switch a.kind {
	case addressCBS:
		return linkCBS
	case addressTelemetry:
		return linkTelemetry
	case addressDeviceQ:
		return linkDevicebound
	case addressTwin:
		return linkTwin
	case addressMethods:
		return linkMethods
	case addressServiceQ:
		return linkServicebound
	case addressFeedback:
		return linkFeedback
	case addressEvents, addressPartition:
		return linkEvents
	case addressEntity, addressProduce:
		return linkProducer
	case addressManagement:
		return linkManagement
	default:
		return 0
	}
}
