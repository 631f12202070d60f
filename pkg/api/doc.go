// Package api is the HTTP API: it accepts events, shows entities and rows, starts
// and cancels replays, and tells the platform's status.
//
// openapi.yaml beside this file describes every route; INPUT.md says what is
// accepted and where it is checked.
//
// What lives here: reading requests, limits, responses and problem documents.
// What must not: business rules, order, or a store.
package api
