// Package datastore is the contract of the Data Store: generations, each a
// table of its own with entity rows and marks, and the registry that says which
// generation is active.
//
// It contains rows and their counts, marks, the search for an entity's buckets,
// generations, and the hold under which a generation becomes active. It does not
// contain how events become rows (package projection), nor a store: adapters are
// below it and pass datastoretest.
package datastore
