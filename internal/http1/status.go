package http1

// Status codes that are given or understood here.
const (
	StatusSwitchingProtocols            = 101
	StatusOK                            = 200
	StatusBadRequest                    = 400
	StatusForbidden                     = 403
	StatusNotFound                      = 404
	StatusMethodNotAllowed              = 405
	StatusProxyAuthRequired             = 407
	StatusConflict                      = 409
	StatusRequestEntityTooLarge         = 413
	StatusRequestHeaderFieldsTooLarge   = 431
	StatusInternalServerError           = 500
	StatusNotImplemented                = 501
	StatusServiceUnavailable            = 503
	StatusGatewayTimeout                = 504
	StatusHTTPVersionNotSupported       = 505
	StatusNetworkAuthenticationRequired = 511
)

// StatusText names a status code as RFC 9110 and RFC 6585 do, "" where they do not
// or nobody in the field sends it.
func StatusText(code int) string {
	switch code {
	case StatusSwitchingProtocols:
		return "Switching Protocols"
	case StatusOK:
		return "OK"
	case 204:
		return "No Content"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Found"
	case 303:
		return "See Other"
	case 307:
		return "Temporary Redirect"
	case 308:
		return "Permanent Redirect"
	case StatusBadRequest:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case StatusForbidden:
		return "Forbidden"
	case StatusNotFound:
		return "Not Found"
	case StatusMethodNotAllowed:
		return "Method Not Allowed"
	case StatusProxyAuthRequired:
		return "Proxy Authentication Required"
	case 408:
		return "Request Timeout"
	case StatusConflict:
		return "Conflict"
	case 410:
		return "Gone"
	case 412:
		return "Precondition Failed"
	case StatusRequestEntityTooLarge:
		return "Request Entity Too Large"
	case 426:
		return "Upgrade Required"
	case 429:
		return "Too Many Requests"
	case StatusRequestHeaderFieldsTooLarge:
		return "Request Header Fields Too Large"
	case StatusInternalServerError:
		return "Internal Server Error"
	case StatusNotImplemented:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case StatusServiceUnavailable:
		return "Service Unavailable"
	case StatusGatewayTimeout:
		return "Gateway Timeout"
	case StatusHTTPVersionNotSupported:
		return "HTTP Version Not Supported"
	case StatusNetworkAuthenticationRequired:
		return "Network Authentication Required"
	}
	return ""
}
