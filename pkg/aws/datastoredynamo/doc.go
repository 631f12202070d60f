// Package datastoredynamo keeps the Data Store in DynamoDB: one table per
// generation, created and dropped on demand.
//
// What lives here: tables of generations, and the items of rows, marks and
// identities. What must not: which generation is active (package datastore), or how
// events become rows (package projection). A row is
//
//	pk  lane
//	sk  r#{escaped entity}
//	o   position of the last event seen; the condition of a write
//	s   the projection's state: a string, or compressed if that saves a write
//	    unit
//	m   the other fields, in a binary layout
//	f   filter of event ids, absent if there is none
//
// an entity that may be parked (its row decides) also has
//
//	pk  lane
//	sk  p#{escaped entity}
//
// and a mark is
//
//	pk  lane
//	sk  m#{name of the mark}
//	v   version, 128 random bits as text
//	d   the mark as JSON, without its place
//	p   its place, unchanged
//
// and an event in the identity index
//
//	pk  lane#{the key's first two hexadecimal digits}
//	sk  i#{escaped entity}#{the key, as base64}
//	o   position
//	c   fingerprint of its content
//
// No call reads all identities of an entity, so each lane spreads them over 256
// partitions: one entity may take as many writes as the table does.
package datastoredynamo
