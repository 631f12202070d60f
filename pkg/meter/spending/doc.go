// Package spending stores the usage of replays and reports its cost.
//
// What lives here: the documents in which functions add up their usage for a
// replay, and the report on them. What must not: counting and pricing (package
// meter), or what replays do.
package spending
