// Package codecheck finds out that the code of the projections was changed and their
// version was not, so that the rows of a generation are not what the present code
// makes of the same events.
//
// It compares two rows of one entity that were folded from the same events: in a
// rebuild the rows of the new generation with those of the active one (Walk), and at
// the start of a program some rows of the active generation with what the present code
// makes of their events, which it reads from the log (Checker). What it counts as
// differing does differ; a pair of rows that allows no conclusion is not counted at
// all. See Conclude.
//
// A difference can also mean that a projection does not depend on its events alone, or
// that another release of Go encodes a state in another way: then the rows cannot be
// rebuilt under that version either.
//
// The package neither repairs nor blocks anything. It tells which projections and
// lanes differ, never entities or contents.
package codecheck
