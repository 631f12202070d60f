// Package client calls the HTTP API: one method per route, with retries.
//
// What lives here: requests, retries, and errors that people can act on. What
// must not: flags, output, or dividing a file into requests (package send).
package client
