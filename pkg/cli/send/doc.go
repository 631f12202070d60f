// Package send sends JSON Lines of CloudEvents to the API. It reads a file of any
// size in bounded memory, keeps every entity's events in order, and names refused
// lines.
//
// What lives here: reading, batching and order. What must not: HTTP and its
// retries (package client), flags, or output.
package send
