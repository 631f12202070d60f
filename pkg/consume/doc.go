// Package consume takes batches of the streams in, lane by lane: the pump, the
// consumers of generations, and the consumer of the playback stream.
//
// What lives here: dividing a batch by lanes, saying which records are to be
// retried, and the lines that alarms go by. What must not: order, duplicates, or
// what becomes of an event.
package consume
