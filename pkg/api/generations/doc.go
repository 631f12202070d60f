// Package generations changes which generation readers see, over HTTP: generations are
// promoted, rolled back and dropped, at the request of a person.
//
// It knows nothing of how a generation becomes active (package cutover), and of other
// routes.
package generations
