// Package datastore is the contract of the Data Store: generations, each a
// table of its own with entity rows and marks, and the registry that says which
// generation is active.
//
// What lives here: rows and their counting, marks, the buckets that an entity has
// events in, generations, and the hold under which one becomes active. What must
// not: how events become rows (package projection), or a store. Adapters lie below
// it and pass datastoretest.
package datastore
