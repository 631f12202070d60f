// Package projection folds events into the rows of a generation: the rule for
// duplicates, parking, and the two consumers that write rows, of the event
// stream (Live) and of playback records (in package replay, through Applier).
// How the rule for duplicates is kept to at a cost that does not grow with an
// entity's past is in the design notes of package replay.
//
// What lives here: how events become rows, whatever the events mean. What must
// not: the meaning of events, which is in package domain; clocks, randomness
// and I/O inside a projection; a store.
package projection
