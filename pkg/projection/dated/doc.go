// Package dated holds values that changed at a date, for projections and services: a fee,
// a limit, a rule.
//
// A value is looked up by the time of an event and never by a clock, so an event gets the
// value that was in force when it happened, whether it is folded on the day, arrives late,
// or is replayed years later. The package reads no clock, and knows nothing of where
// values come from: they are part of the code.
package dated
