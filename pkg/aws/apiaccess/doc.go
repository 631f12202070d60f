// Package apiaccess lets a client reach the HTTP API of a deployment: it signs
// requests with the caller's credentials, and finds the API's address.
//
// What lives here: credentials, signatures, and the stack's output. What must not:
// the requests themselves (package client), or any other look at a deployment
// (package doctor).
package apiaccess
