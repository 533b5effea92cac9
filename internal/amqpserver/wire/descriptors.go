package wire

// Descriptors of the core specification.
const (
	codeOpen        uint64 = 0x10
	codeBegin       uint64 = 0x11
	codeAttach      uint64 = 0x12
	codeFlow        uint64 = 0x13
	codeTransfer    uint64 = 0x14
	codeDisposition uint64 = 0x15
	codeDetach      uint64 = 0x16
	codeEnd         uint64 = 0x17
	codeClose       uint64 = 0x18
	codeError       uint64 = 0x1d

	codeReceived    uint64 = 0x23
	codeAccepted    uint64 = 0x24
	codeRejected    uint64 = 0x25
	codeReleased    uint64 = 0x26
	codeModified    uint64 = 0x27
	codeSource      uint64 = 0x28
	codeTarget      uint64 = 0x29
	codeCoordinator uint64 = 0x30

	codeSASLMechanisms uint64 = 0x40
	codeSASLInit       uint64 = 0x41
	codeSASLChallenge  uint64 = 0x42
	codeSASLResponse   uint64 = 0x43
	codeSASLOutcome    uint64 = 0x44

	codeHeader                uint64 = 0x70
	codeDeliveryAnnotations   uint64 = 0x71
	codeMessageAnnotations    uint64 = 0x72
	codeProperties            uint64 = 0x73
	codeApplicationProperties uint64 = 0x74
	codeData                  uint64 = 0x75
	codeSequence              uint64 = 0x76
	codeValue                 uint64 = 0x77
	codeFooter                uint64 = 0x78
)

// codeOfSymbol returns the numeric form of a symbolic descriptor, 0 for an
// unknown one.
func codeOfSymbol(s Symbol) uint64 {
	switch s {
	case "amqp:open:list":
		return codeOpen
	case "amqp:begin:list":
		return codeBegin
	case "amqp:attach:list":
		return codeAttach
	case "amqp:flow:list":
		return codeFlow
	case "amqp:transfer:list":
		return codeTransfer
	case "amqp:disposition:list":
		return codeDisposition
	case "amqp:detach:list":
		return codeDetach
	case "amqp:end:list":
		return codeEnd
	case "amqp:close:list":
		return codeClose
	case "amqp:error:list":
		return codeError
	case "amqp:received:list":
		return codeReceived
	case "amqp:accepted:list":
		return codeAccepted
	case "amqp:rejected:list":
		return codeRejected
	case "amqp:released:list":
		return codeReleased
	case "amqp:modified:list":
		return codeModified
	case "amqp:source:list":
		return codeSource
	case "amqp:target:list":
		return codeTarget
	case "amqp:coordinator:list":
		return codeCoordinator
	case "amqp:sasl-mechanisms:list":
		return codeSASLMechanisms
	case "amqp:sasl-init:list":
		return codeSASLInit
	case "amqp:sasl-challenge:list":
		return codeSASLChallenge
	case "amqp:sasl-response:list":
		return codeSASLResponse
	case "amqp:sasl-outcome:list":
		return codeSASLOutcome
	case "amqp:header:list":
		return codeHeader
	case "amqp:delivery-annotations:map":
		return codeDeliveryAnnotations
	case "amqp:message-annotations:map":
		return codeMessageAnnotations
	case "amqp:properties:list":
		return codeProperties
	case "amqp:application-properties:map":
		return codeApplicationProperties
	case "amqp:data:binary":
		return codeData
	case "amqp:amqp-sequence:list":
		return codeSequence
	case "amqp:amqp-value:*":
		return codeValue
	case "amqp:footer:map":
		return codeFooter
	}
	return 0
}
