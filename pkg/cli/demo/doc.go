// Package demo holds the real event log that the demonstration replays, with
// the truth that Git computed, and makers of synthetic logs.
//
// What lives here: events to play with and how to judge the outcome. What must
// not: the platform, or how it is called.
package demo
