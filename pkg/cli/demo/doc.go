// Package demo holds the real event log that the demonstration replays, the truth
// that Git computed for it, and a generator of synthetic logs.
//
// What lives here: events, and how to judge the outcome. What must not: the
// platform, or how it is called.
package demo
