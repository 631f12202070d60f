// Package standin is a stand-in for external systems over HTTP, for tests and for the
// demonstration: mail, payments and rates, which keep books of what they did, know
// idempotency keys, and misbehave when they are told to.
//
// What lives here: a server on a loopback address, its books and its moods. What must not:
// anything that a real system would be needed for; the stand-in remembers nothing once it
// is closed.
package standin
