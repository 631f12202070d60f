// Package client is the client of the HTTP API: one method a route, and the
// retries around them.
//
// What lives here: requests, retries, and errors in words that people can act
// on. What must not: flags, output, or the division of a file into requests
// (package send).
package client
