// Package client is Ripcord's HTTP API as Go sees it: the JSON forms that go over
// the wire, shared with the server, and a client for the command line.
//
// Every method of Client is one request. It returns a *Problem when the server
// refused, with the server's own words; any other error means that no answer
// came, so that nobody can say whether the request had an effect. All requests
// may be repeated: the server compares before it sets.
package client
