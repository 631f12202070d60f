// Package send sends JSON Lines of CloudEvents to the API: it reads and divides
// a file of any size in bounded memory, keeps the order of every entity's
// events, and says which line was refused.
//
// What lives here: reading, batching and order. What must not: HTTP and its
// retries (package client), flags, or output.
package send
