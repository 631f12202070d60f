// Package feed is the contract of a sharded ordered stream of records, shaped
// after Kinesis: shards that divide the hash range, sequence numbers that rise
// within a shard, iterators, and at-least-once reading. The event stream and
// the playback streams are such feeds.
//
// What lives here: the contract, consumer checkpoints and epochs, which need
// only the control table. What must not: what a record contains (package
// record), or a store. Adapters lie below it and pass feedtest.
package feed
