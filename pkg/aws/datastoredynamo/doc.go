// Package datastoredynamo keeps the Data Store in DynamoDB: a table for each
// generation, created on demand and dropped.
//
// What lives here: tables of generations, and the items of rows, marks and identities. What
// must not: which generation is active (package datastore), or how events
// become rows (package projection). A row is
//
//	pk  lane
//	sk  r#{escaped entity}
//	o   position of the last event seen, on which a write is conditional
//	s   the projection's state: a string, or compressed where that saves a
//	    write unit
//	m   all else, in a binary layout of its own
//	f   filter of event ids, absent where there is none
//
// an entity that may be parked, which its row decides, has beside it
//
//	pk  lane
//	sk  p#{escaped entity}
//
// and a mark is
//
//	pk  lane
//	sk  m#{name of the mark}
//	v   version, 128 random bits as text
//	d   the mark as JSON, but for its place
//	p   its place, kept as it came
//
// and an event in the identity index
//
//	pk  lane#{the key's first two hexadecimal digits}
//	sk  i#{escaped entity}#{the key, as base64}
//	o   position
//	c   fingerprint of its content
//
// Nobody reads the identities of an entity together, so they lie in 256
// partitions a lane: one entity may take as many writes as the table does.
package datastoredynamo
