// Package dynamo keeps the Data Store in DynamoDB: a table for each
// generation, created on demand and dropped.
//
// What lives here: tables of generations, and the items of rows and marks. What
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
package dynamo
