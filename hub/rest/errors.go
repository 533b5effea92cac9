package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"fieldpost/hub"
)

// Codes of the refusals that are made here.
const (
	codeVersion   = 400001
	codeArgument  = 400004
	codeNotFound  = 404001
	codeTooLarge  = 413001
	codeThrottled = 429001
	codeInternal  = 500001
)

// refuse makes a refusal; the status is the first three digits of the code.
func refuse(code int, format string, args ...any) *hub.Error {
	return &hub.Error{Status: code / 1000, Code: code, Message: fmt.Sprintf(format, args...)}
}

// codeName is the word for a code in the header iothub-errorcode, which some SDKs
// read instead of the body; empty for codes without one.
func codeName(code int) string {
	switch code {
	case codeVersion:
		return "InvalidProtocolVersion"
	case codeArgument:
		return "ArgumentInvalid"
	case 401002:
		return "IotHubUnauthorizedAccess"
	case codeNotFound:
		return "DeviceNotFound"
	case 404103:
		return "DeviceNotOnline"
	case 404104:
		return "DeviceConnectionClosedRemotely"
	case 412001:
		return "PreconditionFailed"
	case codeTooLarge:
		return "MessageTooLarge"
	case codeThrottled:
		return "ThrottlingException"
	case codeInternal:
		return "ServerError"
	default:
		return ""
	}
}

func writeError(w http.ResponseWriter, err error) {
	var e *hub.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, hub.ErrDeviceNotFound):
		e = refuse(codeNotFound, "%v", err)
	case errors.Is(err, context.Canceled):
		e = refuse(503001, "The hub is stopping.")
	default:
		e = refuse(codeInternal, "%v", err)
	}
	if name := codeName(e.Code); name != "" {
		w.Header().Set("iothub-errorcode", name)
	}
	write(w, e.Status, struct {
		Message          string `json:"Message"`
		ExceptionMessage string `json:"ExceptionMessage"`
	}{Message: e.JSON()})
}
