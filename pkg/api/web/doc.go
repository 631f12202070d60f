// Package web reads requests and writes answers: query parameters, bodies within their
// limits, entity ids in paths, JSON, and problem documents (RFC 9457) for the errors
// that clients may know of.
//
// It is the only place that writes an answer. It serves no route itself.
package web
