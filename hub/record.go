package hub

import "time"

// status is the end of a cloud-to-device message, as feedback tells it.
type status string

const (
	statusSuccess       status = "Success"
	statusExpired       status = "Expired"
	statusDeliveryCount status = "DeliveryCountExceeded"
	statusRejected      status = "Rejected"
	statusPurged        status = "Purged"
)

func (s status) known() bool {
	switch s {
	case statusSuccess, statusExpired, statusDeliveryCount, statusRejected, statusPurged:
		return true
	}
	return false
}

func (s status) description() string {
	switch s {
	case statusExpired:
		return "Message expired"
	case statusDeliveryCount:
		return "Message delivery count exceeded"
	case statusRejected:
		return "Message rejected"
	case statusPurged:
		return "Message purged"
	default:
		return string(s)
	}
}

// record is one entry of a feedback message.
type record struct {
	OriginalMessageID  string `json:"originalMessageId"`
	Description        string `json:"description"`
	DeviceGenerationID string `json:"deviceGenerationId"`
	DeviceID           string `json:"deviceId"`
	EnqueuedTimeUTC    string `json:"enqueuedTimeUtc"` // of the outcome
	StatusCode         status `json:"statusCode"`

	at time.Time
}
