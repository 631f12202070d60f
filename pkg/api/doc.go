// Package api is the HTTP API: the table of its routes, their description, and the
// routes that start and cancel replays and show lanes, generations and the status.
// Package intake accepts events, package entities shows entities, package past shows how
// they came to their states, package reversals takes events back, package web reads requests and writes answers.
//
// openapi.yaml describes every route; INPUT.md lists every check of the input.
//
// The packages read requests, enforce their limits, and write responses and
// problem documents. They contain no business rules and no store.
package api
