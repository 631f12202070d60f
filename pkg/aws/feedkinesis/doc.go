// Package feedkinesis puts streams on Kinesis Data Streams.
//
// What lives here: streams of a fixed number of shards, records put one after
// the other, and reading by iterators. What must not: what a record contains,
// or which stream is the event stream. PutRecords is not used: where part of it
// fails, records of one key change their order. Streams are provisioned: on
// demand costs ten times as much for playback and reshards by itself.
package feedkinesis
