// Package feedpebble keeps streams of records in a key space of the local store.
//
// What lives here: the encoding of records, the placing of keys on shards, the
// numbering of records, and what a platform on one machine needs besides the
// contract: waiting for records, trimming them and counting them. What must
// not: what a record contains, consumers, or another adapter.
package feedpebble
