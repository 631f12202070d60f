// Package handler turns Lambda events into calls of the domain and their
// results into responses, one type per function. The functions' mains and the
// platform on one machine use the same handlers.
//
// INPUT.md beside this file says what is accepted and where it is checked.
//
// What lives here: decoding, limits, error names and problem documents, the
// edge of the system. What must not: business rules, order, or a store.
package handler
