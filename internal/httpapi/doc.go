// Package httpapi is the HTTP door: people and programs read how things stand,
// and answer, by JSON over HTTP.
//
// A request goes through one door whatever its route: security headers, the check
// of its origin, who it comes from, what that one may do, and only then the
// route. A change is one incident.Input handed to the engine, and the answer is
// what the engine wrote; nothing is decided here. Errors are problem+json
// (RFC 9457); somebody else having been first is 409 with the incident as it
// stands.
//
// Who it comes from. With Config.Lookup every request but health and those that
// carry their own signature needs a bearer token, whose roles say what it may do.
// Without it the API is open: every caller is the local person, who has every role
// and is in every group that may approve, which is meant for one user's own
// machine. Then only names of this machine, or of ExternalURL, are taken as the
// request's host, so that no web page can get in by rebinding a name.
//
// The forms of requests and answers are in package client; openapi.yaml describes
// them to others, and the tests hold every answer against it.
package httpapi
