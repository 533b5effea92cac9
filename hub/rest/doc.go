// Package rest is the door of a local hub for what services ask over HTTPS: the
// cloud offers twins, direct methods and the purge of a queue no other way. It is
// apart from package hub so that a program which needs no such door is without
// net/http.
//
//	GET    /twins/{id}             the twin
//	PATCH  /twins/{id}             merge tags and desired properties; If-Match
//	PUT    /twins/{id}             replace tags and desired properties; If-Match
//	POST   /twins/{id}/methods     call a direct method
//	DELETE /devices/{id}/commands  purge the queue of a device
//
// The paths of a twin have a form for modules too: /twins/{id}/modules/{module}.
// Every request has a query parameter api-version, whose value does not matter,
// and in the header Authorization a shared access signature of a policy with the
// right ServiceConnect. An error is {"Message": TEXT, "ExceptionMessage": TEXT}: for
// a method the message is JSON with errorCode, trackingId, message and
// timestampUtc; for all else it is ErrorCode:NAME;SENTENCE, with the tracking id in
// the other. The header iothub-errorcode has the name too.
//
// Limits. A request has at most 256 KB, and at most 256 are served at a time.
// There are no queries, jobs or digital twins, and the registry has no
// door here.
package rest
