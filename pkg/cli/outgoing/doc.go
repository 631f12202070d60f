// Package outgoing has the commands reprise effects: what business logic has sent to
// external systems, what waits, what a replay would have sent otherwise, and approval.
//
// What lives here: flags, questions and tables. What must not: anything that decides what
// is sent, which is the platform's matter (package effects).
package outgoing
