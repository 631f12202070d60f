// Package sealed says which fields of events are personal, and what a sealed value looks
// like: the JSON object that stands for a personal value in the log, in states and in
// exports.
//
// It knows JSON and events and needs the standard library only, so that a domain and a
// subscriber can use it. It has no keys and no cryptography: those are package personal's.
package sealed
