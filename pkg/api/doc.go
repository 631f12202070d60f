// Package api is the HTTP API: it accepts events, shows entities and rows, starts
// and cancels replays, and shows the platform's status.
//
// openapi.yaml describes every route; INPUT.md lists every check of the input.
//
// The package reads requests, enforces their limits, and writes responses and
// problem documents. It contains no business rules and no store.
package api
