// Package journal defines what the engine stores so that executions survive a
// crash: the contract of the store (Journal), and the keys and records of
// executions, their threads and map runs.
//
// This package defines what is stored and under which key. Package interpreter
// decides when to write and how to resume; adapters of Journal live elsewhere
// and pass asltest.Journal. Existing journals must open, so keys and members of
// records never change their meaning.
package journal
