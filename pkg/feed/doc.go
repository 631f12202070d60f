// Package feed is the contract of a sharded ordered stream of records, modelled
// on Kinesis: shards that divide the hash range, sequence numbers that rise
// within a shard, iterators, and at-least-once reading. The event stream and the
// playback streams are such feeds.
//
// It also contains consumer checkpoints and epochs, which need only the control
// table. Package record defines what a record contains. Every adapter passes
// feedtest.
package feed
