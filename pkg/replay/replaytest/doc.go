// Package replaytest is a small platform in memory for the tests of replays.
//
// It contains stores, a playback stream and its consumer, generations and replays in
// the states in which tests begin, and stores that fail. Tests create the parts under
// test themselves.
package replaytest
