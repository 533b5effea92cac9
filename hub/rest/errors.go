package rest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

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

	codeUnavailable = 503001
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
	case codeUnavailable:
		return "ServiceUnavailable"
	default:
		return ""
	}
}

// asError makes a refusal of any error.
func asError(err error) *hub.Error {
	var e *hub.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, hub.ErrDeviceNotFound):
		return refuse(codeNotFound, "%v", err)
	case errors.Is(err, context.Canceled):
		return refuse(codeUnavailable, "The hub is stopping.")
	default:
		return refuse(codeInternal, "%v", err)
	}
}

// errorBody is the body of a refusal.
type errorBody struct {
	Message          string
	ExceptionMessage string
}

// describe makes the body in one of the two forms SDKs know the cloud by: calls of
// methods get JSON in the message, as over AMQP, and all others the name of the
// code in front of the sentence.
func describe(e *hub.Error, isMethod bool) errorBody {
	name := codeName(e.Code)
	if isMethod || name == "" {
		return errorBody{Message: e.JSON()}
	}
	return errorBody{Message: "ErrorCode:" + name + ";" + e.Message, ExceptionMessage: "Tracking ID:" + e.TrackingID}
}

func writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	if e.TrackingID == "" {
		e.TrackingID = rand.Text()
	}
	if name := codeName(e.Code); name != "" {
		w.Header().Set("iothub-errorcode", name)
	}
	write(w, e.Status, describe(e, strings.HasSuffix(r.URL.Path, "/methods")))
}
