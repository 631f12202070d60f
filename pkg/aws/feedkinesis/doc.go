// Package feedkinesis puts streams on Kinesis Data Streams.
//
// What lives here: streams with a fixed number of shards, single puts, and reading
// by iterators. What must not: what a record contains, or which stream is the event
// stream. PutRecords is not used: a partial failure reorders the records of a key.
// Streams are provisioned, since on demand costs ten times as much for playback and
// reshards by itself.
package feedkinesis
