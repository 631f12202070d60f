// Package eventlogdynamo keeps the event log in DynamoDB's Events table.
//
// What lives here: the items of events and quarantined records. What must not: what
// is in the log and when (package eventlog). The only write is a PutItem on condition
// that the key is new: no item is ever changed, removed or written in a batch, and
// the role of the pump allows nothing else.
//
// An event is the item
//
//	pk  {lane}#{bucket}, such as 0042#2026-03-01T00
//	sk  {escaped entity}#{position}
//	t   logged time in milliseconds since 1970
//	b   its line: a string, or compressed if that saves a write unit
//
// A quarantined record is
//
//	pk  q#{lane}
//	sk  {position}
//	b   the first part of the record
//	n   number of further parts, if there are any
//	h   hash of the record, if there are any
//
// and its further parts, since an item holds 400 KB and a record 1 MiB,
//
//	pk  q#{lane}#{position}
//	sk  {hash}#{number}
//	b   the part
//
// which are written first. Their key contains the hash of the record, so that they
// cannot mix with those of another attempt.
package eventlogdynamo
