// Package replaytest is a small platform in memory for the tests of replays.
//
// What lives here: stores that events are logged in, a playback stream and its
// consumer, generations and replays in the states that tests begin with, and
// stores that fail. What must not: the parts under test, which a test makes over
// the stores, and anything that only some test needs.
package replaytest
