// Package refold folds events again, into rows that nobody else sees.
//
// It holds a Data Store generation in memory, into which a projection.Applier folds by
// the very rules by which it folds into a stored one: duplicates, parking and
// corrections included. Of the log it
// reads one bounded part of an entity's history, for a fold of that entity; it compares
// nothing.
package refold
