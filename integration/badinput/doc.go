// Package badinput has the scenarios of input that is refused: events, requests,
// names of replays and data directories that cannot be taken, and what looks odd
// and is legal.
//
// What lives here: that a refusal says why and changes nothing. What must not:
// what a parser refuses, which its own tests say.
package badinput
