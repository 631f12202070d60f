// Package httpsystem is a gateway.System over HTTP with JSON. pkg/gateway/GATEWAY.md
// describes what it sends and how it reads answers.
//
// What lives here: addresses, requests, and what an answer or a broken connection means.
// What must not: credentials, which a System of one's own adds, and retries, which package
// effects makes and records.
package httpsystem
