// Package journal is what the state machine runner keeps so that it goes on
// after a crash: the contract of the store (Journal), the keys and the records
// of executions, of their threads and of map runs.
//
// What lives here: what is stored and where. What must not: when it is written
// and what it means for a running execution (package interpreter); how a store
// does its work: adapters lie elsewhere and pass asltest. An existing journal
// must open, so keys and members of records never change their meaning.
package journal
