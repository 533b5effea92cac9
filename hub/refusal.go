package hub

import "fmt"

// Error is the refusal of something a service asked of the hub by another way
// than AMQP: twins, direct methods and purges. It says what the cloud's REST
// calls say.
type Error struct {
	Status     int    // as HTTP has it, e.g. 404
	Code       int    // of the cloud's list of error codes, e.g. 404103
	Message    string // a sentence
	TrackingID string // names this one refusal
}

// Error returns the code and the sentence.
func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// Is makes a refusal for want of the device an ErrDeviceNotFound.
func (e *Error) Is(target error) bool {
	return target == ErrDeviceNotFound && e.Code == codeDeviceNotFound
}

// JSON returns the text the cloud describes errors with: errorCode, trackingId,
// message and timestampUtc.
func (e *Error) JSON() string { return describe(e.TrackingID, e.Code, e.Message) }

// refuse makes an Error. The status is the first three digits of the code.
func refuse(code int, format string, args ...any) *Error {
	return &Error{Status: code / 1000, Code: code, Message: fmt.Sprintf(format, args...), TrackingID: newTrackingID()}
}

func refuseUnknown(id string) *Error {
	return refuse(codeDeviceNotFound, "Device %.128s is not registered.", id)
}

func refuseArgument(format string, args ...any) *Error { return refuse(codeArgument, format, args...) }

// Authorize checks that token, a shared access signature of a policy with the
// right ServiceConnect, covers path, for example "/twins/gw1". The error is an
// *Error of status 401.
func (h *Hub) Authorize(token, path string) error {
	c, err := h.verify(token)
	if err != nil {
		return refuse(codeUnauthorized, "%s", short(err.Error()))
	}
	if !c.allows(splitPath(path), serviceConnect, h.faults.now()) {
		return refuse(codeUnauthorized, "The token does not allow %.200s.", path)
	}
	return nil
}
