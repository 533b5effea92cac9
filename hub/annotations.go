package hub

import (
	"strings"

	"fieldpost/internal/amqpserver/wire"
)

// Message annotations the hub stamps.
const (
	annotationOffset     wire.Symbol = "x-opt-offset"
	annotationSequence   wire.Symbol = "x-opt-sequence-number"
	annotationEnqueued   wire.Symbol = "x-opt-enqueued-time"
	annotationPartition  wire.Symbol = "x-opt-partition-key"
	annotationLockToken  wire.Symbol = "x-opt-lock-token"
	annotationDeviceID   wire.Symbol = "iothub-connection-device-id"
	annotationModuleID   wire.Symbol = "iothub-connection-module-id"
	annotationGeneration wire.Symbol = "iothub-connection-auth-generation-id"
	annotationAuthMethod wire.Symbol = "iothub-connection-auth-method"
	annotationTime       wire.Symbol = "iothub-enqueuedtime"
	annotationSource     wire.Symbol = "iothub-message-source"
	annotationDelivery   wire.Symbol = "iothub-deliverycount"
	annotationSchema     wire.Symbol = "dt-dataschema"
)

// reserved reports whether only the hub may set an annotation.
func reserved(name wire.Symbol) bool {
	switch name {
	case annotationTime, annotationSource, annotationSchema:
		return true
	}
	return strings.HasPrefix(string(name), "x-opt-") || strings.HasPrefix(string(name), "iothub-connection-")
}

// keepAnnotations returns those annotations of a device's message that go on:
// the ones with a symbol for a key that the device may set.
func keepAnnotations(sent wire.Map) wire.Map {
	kept := make(wire.Map, len(sent)+9)
	for key, value := range sent {
		if name, ok := key.(wire.Symbol); ok && !reserved(name) {
			kept[name] = value
		}
	}
	return kept
}
