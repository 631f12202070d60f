// Package feedpebble keeps streams of records in a key space of the local store.
//
// This package encodes and numbers records and maps keys to shards. Beyond the
// contract, it waits for records, trims and counts them, which a platform on one
// machine needs. It does not know the contents of records or their consumers,
// and imports no other adapter.
package feedpebble
